# What the benchmark's gateway runs on; words in capitals are filled in.
gateway {
  name     = "bench"
  data_dir = "./data"
}

listener "postgres" "pg" {
  address = "PG_LISTEN"
  tls {
    insecure = true
  }
}

listener "https" "web" {
  address = "WEB_LISTEN"
  tls {
    insecure = true
  }
}

identity "oidc" "corp" {
  issuer     = "ISSUER"
  audiences  = ["sluice"]
  kind_claim = "kind"
}

connection "postgres" "plain" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
  }
}

connection "postgres" "loop" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
    driver  = "loop"
  }
}

connection "postgres" "looped" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production", masks = "columns" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
    driver  = "loop"
  }
}

connection "postgres" "pooled" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
  }
  pool {
    size = 8
  }
}

connection "postgres" "masked" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production", masks = "columns" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
  }
}

connection "postgres" "scanned" {
  address  = "DATABASE"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  labels   = { environment = "production", masks = "columns", scan = "pii" }
  tls {
    mode = "disable"
  }
  postgres {
    lineage = "server"
  }
}

plugin "pii" {
  module   = "TOP/bin/plugins/pii.wasm"
  sha256   = "SHA256_PII"
  settings = { detectors = ["email", "card"] }
}

plugin "sqlrisk" {
  module = "TOP/bin/plugins/sqlrisk.wasm"
  sha256 = "SHA256_SQLRISK"
}

policy "guardrails" {
  path = "TOP/policies/guardrails"
}

policy "agents" {
  path = "TOP/policies/agents"
}

policy "probing" {
  path = "TOP/policies/probing"
}

mask "values" {
  applies_to = { masks = "columns" }
  columns    = ["public.wide.c1", "public.wide.c2", "public.big.email", "public.customers.email", "public.customers.phone"]
  action     = "partial"
}

# An integer that pgbench -S reads: pgbench goes on with the placeholder.
mask "balances" {
  applies_to = { masks = "columns" }
  columns    = ["public.pgbench_accounts.abalance"]
  action     = "redact"
}

mask "leftovers" {
  applies_to = { scan = "pii" }
  plugin     = "pii"
  action     = "redact"
}

approval "change" {
  approvers = ["dba"]
  wait      = "60s"
}

approval "disclosure" {
  approvers = ["dba"]
  mode      = "ticket"
}

console {
  url       = "http://127.0.0.1:1"
  identity  = "corp"
  client_id = "sluice-console"
  auditors  = ["audit"]
  operators = ["platform"]
}
