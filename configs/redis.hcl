# Redis behind the gateway. A client's user name is the connection, its password
# the token: redis-cli -u redis://sessions:$TOKEN@gw:6380
# What is parsed, masked and held, and what is not: proxy/protocol/redis/PROTOCOL.md.

gateway {
  name = "redis"
}

listener "redis" "cache" {
  address    = "127.0.0.1:6380"
  connection = "sessions" # of a client that sends a password and no user name
  tls {
    insecure = true # plain text: loopback only
  }
}

identity "oidc" "corp" {
  issuer    = "https://idp.example.com"
  audiences = ["sluice"]
}

connection "redis" "sessions" {
  address  = "127.0.0.1:6379" # Redis 7 or newer
  user     = "default"        # or a user of its ACLs, which then bound the gateway, too
  password = env("REDIS_PASSWORD")
  database = "0"
  labels   = { environment = "production" }
  tls {
    mode = "disable"
  }
  redis {
    databases = ["1"] # which others a client may SELECT
  }
}

# input.command.redis has the command, its keys, flags and ACL categories.
policy "agents" {
  path = "../policies/agents"
}

# A pattern of keys, or one field of hashes behind a dot; a star is anything.
mask "contact" {
  columns = ["user:*.email", "session:*"]
  action  = "partial"
}

# Redis clients bear 3 s: then they read the ticket, and send the command again.
approval "change" {
  approvers = ["dba"]
}
