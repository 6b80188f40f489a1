gateway {
  name     = "demo"             # in records, metrics and error texts
  data_dir = "./data"           # audit log, recordings, embedded state, compiled plugins, admin socket; 0700
  mask_key = file("mask.key")   # for hash and pseudonym; made in data_dir if absent
  # development = true          # allows unpinned plugins and the like; shown in the console and in records
}

listener "postgres" "main" {    # first label: protocol, or "https" for all that speaks HTTP, and the console
  address = "127.0.0.1:6432"
  tls {                         # or tls { insecure = true }: plain text, accepted on loopback only
    cert_file = "gw.crt"
    key_file  = "gw.key"
  }
}

listener "https" "web" {
  address = "127.0.0.1:8443"
  tls { insecure = true }
}

identity "oidc" "corp" {
  issuer       = "https://idp.example.com"
  audiences    = ["sluice"]
  groups_claim = "groups"       # the defaults; also subject_claim, display_claim, kind_claim and kinds, actor_claim = "act", skew
}

connection "postgres" "orders" {
  address  = "db.internal:5432"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")        # also file(…), exec(…), vault(…): a secret, never printed
  labels   = { environment = "production", data = "customer" }
  tls {
    mode    = "verify-full"                # verify-ca, require, disable; disable off loopback needs insecure = "accepted"
    ca_file = "ca.pem"
  }
  postgres {
    databases  = ["orders"]                # which others may be asked for
    lineage    = "strict"
    server_log = "silent"                  # or "accepted"
  }
  # pool { size = 20 … }                   # warm upstream connections, optional
}

plugin "pii" {
  module   = "plugins/pii.wasm"            # relative to the file that names it
  sha256   = "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08"                   # of the file; or signed_by = "keys/security.pub"; pin = "none" only in development
  grants   = ["pseudonym"]
  settings = { detectors = ["email", "card"] }
  limits {                                 # absent: the defaults (sdk/ABI.md 8)
    fuel       = 20000000                  # of one call; 10 million are about a millisecond
    start_fuel = 1000000000
    memory     = "64MiB"
    call_depth = 4000
  }
}

policy "agents" {                          # evaluates data.agents
  path       = "policies/agents"
  mode       = "enforce"                   # or "shadow"
  applies_to = { environment = "production" }   # by connection labels; absent: everywhere
}

mask "contact" {                           # the boundary: real columns
  applies_to = { data = "customer" }
  columns    = ["public.customers.email", "public.customers.phone"]
  action     = "partial"                   # redact | null | partial | hash | pseudonym | tokenize | deny
  except     = ["support-leads"]           # groups that see it; every proven hop of the chain must be in one
}
mask "leftovers" {                         # depth: what a plugin finds in any other cell, and in errors and notices
  plugin = "pii"
  action = "redact"
}

approval "change" {                        # named by a policy's hold
  approvers = ["dba"]                      # groups
  required  = 1
  self      = "deny"                       # nobody in the proven chain may approve; "human": the chain's human may
  mode      = "wait-then-ticket"           # wait | ticket | wait-then-ticket
  wait      = "20s"                        # absent: what the protocol's clients bear (redis 3s, mcp 20s, http 25s, postgres and ssh 60s)
  expires   = "15m"
  tx_wait   = "10s"                        # the wait inside an open transaction, which keeps locks
}

audit {                                    # optional: a signing key is made in data_dir at the first start
  signing_key     = file("audit.key")
  checkpoint      = "1s"
  redact_literals = "protected"            # or "all"
}
state "file" {}                            # or state "redis", with address and password, for many replicas
console {
  url       = "https://gw.example.com:8443"
  identity  = "corp"
  client_id = "sluice-console"             # with client_secret, or PKCE alone
  auditors  = ["audit"]                    # groups: see records and recordings
  operators = ["platform"]                 # groups: reload, kill, quarantine
}
limits {
  statement         = "1MiB"
  message           = "64MiB"
  holds_per_session = 8
  session           = "8h"
  transaction       = "5m"
}
reload {
  watch            = true
  require_approval = 0
}
