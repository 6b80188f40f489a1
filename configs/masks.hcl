# What is masked, how, and for whom not. Order, strictest first: deny, null,
# redact, hash, tokenize, pseudonym, partial, replace. Where several apply to a
# cell the strictest wins; `except` lifts its own rule only.

gateway {
  name = "masks"
}

listener "postgres" "main" {
  address = "127.0.0.1:6432"
  tls {
    insecure = true # plain text: loopback only
  }
}

identity "oidc" "corp" {
  issuer    = "https://idp.example.com"
  audiences = ["sluice"]
}

connection "postgres" "orders" {
  address = "127.0.0.1:5432"
  user    = "crew_app"
  labels  = { data = "customer" }
  tls {
    mode = "disable"
  }
}

# The boundary is real columns, whatever a statement calls them. All columns
# that any mask of a connection names are its protected set. What else a client
# can do with them, and what it can still learn: proxy/protocol/postgres/MASKING.md.
mask "contact" {
  applies_to = { data = "customer" }
  columns    = ["public.customers.email", "public.customers.phone"]
  action     = "partial"         # a***@example.com, ***1234
  except     = ["support-leads"] # every proven hop of the chain must be in one
}

mask "names" {
  applies_to = { data = "customer" }
  columns    = ["public.customers.name"]
  action     = "pseudonym"  # keyed, of the value's kind
  scope      = "connection" # the same for all sessions here; "session" is the default, or "gateway"
}

mask "cards" {
  columns = ["public.customers.card"]
  action  = "redact" # *** or the type's placeholder
}

mask "joins" {
  columns = ["public.customers.tax_id"]
  action  = "hash" # 16 hex digits, the same everywhere: equal stays equal
}

mask "health" {
  columns = ["public.customers.diagnosis"]
  action  = "null"
}

mask "keys" {
  columns = ["public.customers.api_key"]
  action  = "deny" # a command that reads it is refused
}

# Depth: what a plugin finds in any other text cell, in errors and notices. It
# is no boundary: see plugins/pii/README.md for what it can miss.
plugin "pii" {
  module   = "../bin/plugins/pii.wasm"
  sha256   = "0000000000000000000000000000000000000000000000000000000000000000" # sha256sum bin/plugins/pii.wasm
  settings = { detectors = ["email", "phone", "card", "iban"] }
}

mask "leftovers" {
  plugin = "pii"
  action = "redact"
}

# A plugin may give what stands in place of a value: "replace" leaves the choice
# to it, and redacts where it gives nothing. plugins/fpe makes tokens that keep
# a card's form; plugins/jsonmask writes null where a number was.
plugin "tokens" {
  module   = "../bin/plugins/fpe.wasm"
  sha256   = "0000000000000000000000000000000000000000000000000000000000000000" # sha256sum bin/plugins/fpe.wasm
  grants   = ["pseudonym"]
  settings = { columns = ["public.payments.card"], keep_first = 6 }
}

mask "payments" {
  plugin = "tokens"
  action = "replace"
  scope  = "gateway" # of the tokens: equal cards have equal tokens everywhere; "session" is the default
}
