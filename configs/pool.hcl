# Warm connections to a database, for clients that connect anew for each call
# (CrewAI's NL2SQLTool does). A connection that a session leaves clean is reset
# with DISCARD ALL once its client has gone, and given to a later session with
# the same database, role, start-up parameters and credential. It is not kept
# when a transaction was open, something failed half way, or a cancel was sent.
#
# DISCARD ALL does not reach what code on the server keeps in its process:
# variables that a procedural language shares within a session. Leave the block
# out where that would tell one principal something of another.
gateway {
  name     = "pool"
  data_dir = "./data"
}

listener "postgres" "pg" {
  address = "127.0.0.1:6432"
  tls {
    insecure = true # plain text, accepted on loopback only
  }
}

listener "https" "web" {
  address = "127.0.0.1:8443"
  tls {
    insecure = true
  }
}

identity "oidc" "corp" {
  issuer    = "https://idp.example.com"
  audiences = ["sluice"]
}

connection "postgres" "orders" {
  address  = "127.0.0.1:5432"
  database = "orders"
  user     = "crew_app"
  password = env("ORDERS_PASSWORD")
  tls {
    mode = "disable"
  }
  pool {
    size = 20   # the most that are kept unused; 8 if absent
    idle = "5m" # an unused one is closed after; the default
  }
}

policy "agents" {
  path = "../policies/agents"
}

approval "change" {
  approvers = ["dba"]
}
