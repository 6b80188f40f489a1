# A gateway off the machine of its clients: TLS on both sides, secrets from
# files and programs, limits, and a console for approvers and auditors. Every
# attribute that is left out has the default that its comment says.

gateway {
  name     = "prod-1"                      # in records, metrics and error texts
  data_dir = "/var/lib/sluice"             # audit log, recordings, state, admin socket; 0700
  mask_key = file("/run/secrets/mask.key") # for hash and pseudonym; else one is made in data_dir
}

listener "postgres" "main" {
  address = "0.0.0.0:6432"
  tls {
    cert_file = "/etc/sluice/gateway.crt" # read again when it changes
    key_file  = "/etc/sluice/gateway.key"
  }
}

listener "https" "web" {
  address = "0.0.0.0:8443"
  tls {
    cert_file = "/etc/sluice/gateway.crt"
    key_file  = "/etc/sluice/gateway.key"
  }
}

identity "oidc" "corp" {
  issuer       = "https://idp.example.com"
  audiences    = ["sluice"] # a token must be for one of them
  groups_claim = "groups"   # the default
  kind_claim   = "kind"     # human, agent, ci: absent by default
  actor_claim  = "act"      # the default: who acts for the token's subject (RFC 8693)
  skew         = "30s"      # the default
}

connection "postgres" "orders" {
  address  = "db.internal:5432"
  database = "orders" # the connection's name by default
  user     = "crew_app"
  password = exec("/usr/local/bin/db-password", "orders")      # or env(…), file(…); never printed
  labels   = { environment = "production", data = "customer" } # policies and masks choose by these
  tls {
    mode    = "verify-full" # the default; verify-ca, require, disable
    ca_file = "/etc/sluice/db-ca.pem"
  }
  postgres {
    databases  = ["orders_archive"] # may be asked for as orders/orders_archive
    lineage    = "server"           # the default: the database's own analyser resolves every name; or "strict"
    server_log = "silent"           # the default: needs ALTER ROLE crew_app SET log_min_messages = fatal; or "accepted"
    driver     = "plain"            # the default; or "loop", on Linux without TLS: see proxy/protocol/postgres/PROFILE.md
  }
}

policy "guardrails" {
  path = "/etc/sluice/policies/guardrails"
}

policy "agents" {
  path       = "/etc/sluice/policies/agents"
  applies_to = { environment = "production" }
}

policy "next" {
  path = "/etc/sluice/policies/next"
  mode = "shadow" # evaluated and recorded, decides nothing
}

approval "change" {
  approvers = ["dba"]
}

audit {
  signing_key     = file("/run/secrets/audit.key") # else one is made at the first start
  checkpoint      = "1s"                           # the default
  redact_literals = "protected"                    # the default; "all" hides every literal
}

console {
  url       = "https://gw.example.com:8443"
  identity  = "corp"
  client_id = "sluice-console" # PKCE; client_secret = file(…) for a confidential client
  auditors  = ["audit"]        # see records, replay recordings
  operators = ["platform"]     # reload and kill
}

limits {
  statement         = "1MiB"  # of one command's text
  message           = "64MiB" # of one protocol message
  holds_per_session = 8
  session           = "8h" # or the token's own expiry, whichever is first
  transaction       = "5m" # how long an open transaction may delay that
}

reload {
  watch = true # every file that this one names
}
