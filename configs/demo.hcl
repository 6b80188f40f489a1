# The configuration of `make demo`. The demo copies it to a folder of its own
# and fills in the addresses and the digests of the plugins that it has just
# built; everything else is as it stands here.

gateway {
  name     = "demo"
  data_dir = "./data"
}

listener "postgres" "main" {
  address = "127.0.0.1:6432"
  tls {
    cert_file = "gateway.crt"
    key_file  = "gateway.key"
  }
}

# The console, the API, health and metrics.
listener "https" "web" {
  address = "127.0.0.1:8443"
  tls {
    insecure = true # plain text, which only loopback may have
  }
}

identity "oidc" "corp" {
  issuer     = "http://127.0.0.1:9000"
  audiences  = ["sluice"]
  kind_claim = "kind"
}

connection "postgres" "orders" {
  address  = "127.0.0.1:5432"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD") # the agent never sees it
  labels   = { environment = "production", data = "customer" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server" # PostgreSQL itself says what a statement reads; see proxy/protocol/postgres/MASKING.md
  }
}

plugin "pii" {
  module   = "../bin/plugins/pii.wasm"
  sha256   = "0000000000000000000000000000000000000000000000000000000000000000"
  settings = { detectors = ["email", "card"] }
}

plugin "sqlrisk" {
  module = "../bin/plugins/sqlrisk.wasm"
  sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
}

policy "guardrails" {
  path = "../policies/guardrails"
}

policy "agents" {
  path = "../policies/agents"
}

policy "probing" {
  path       = "../policies/probing"
  applies_to = { data = "customer" }
}

# The boundary: real columns, whatever the statement calls them.
mask "contact" {
  applies_to = { data = "customer" }
  columns    = ["public.customers.email", "public.customers.phone"]
  action     = "partial"
  except     = ["support-leads"]
}

# Depth: what a plugin finds anywhere else, such as in free text.
mask "leftovers" {
  plugin = "pii"
  action = "redact"
}

approval "change" {
  approvers = ["dba"]
  required  = 1
  self      = "deny"
  mode      = "wait-then-ticket"
  wait      = "60s"
  tx_wait   = "60s" # agents' tools work inside transactions; nobody else waits for a lock here
  expires   = "15m"
}

# What policy "probing" asks for: questions about masked columns.
approval "disclosure" {
  approvers = ["dba"]
  mode      = "ticket"
  expires   = "1h"
}

console {
  url       = "http://127.0.0.1:8443"
  identity  = "corp"
  client_id = "sluice-console"
  auditors  = ["audit"]
  operators = ["platform"]
}

limits {
  session = "8h"
}

reload {
  watch = true
}
