# Who decides what a policy holds, and where the client waits meanwhile. A
# policy names an approval: hold contains {"approval": "change", "reason": …}.
# All approvals that hold one command are one ticket: each must be satisfied.

gateway {
  name = "approvals"
}

listener "postgres" "main" {
  address = "127.0.0.1:6432"
  tls {
    insecure = true
  }
}

identity "oidc" "corp" {
  issuer    = "https://idp.example.com"
  audiences = ["sluice"]
}

connection "postgres" "orders" {
  address = "127.0.0.1:5432"
  user    = "crew_app"
  tls {
    mode = "disable"
  }
}

# The client waits in its connection; when the wait is over it gets an error
# with the ticket, which stays good: after the approval the same statement
# passes once.
approval "change" {
  approvers = ["dba"]
  required  = 1                  # the default
  self      = "deny"             # the default: nobody in the requester's proven chain
  mode      = "wait-then-ticket" # the default
  wait      = "60s"              # the default is what the protocol's clients bear
  expires   = "15m"              # of the ticket; the default
  tx_wait   = "10s"              # inside an open transaction, which keeps locks; the default
}

# Two people, and the client does not wait at all.
approval "four-eyes" {
  approvers = ["dba", "security"]
  required  = 2
  mode      = "ticket"
  expires   = "4h"
}

# The human behind the agent decides, and only while the client waits.
approval "own-human" {
  approvers = ["staff"]
  self      = "human"
  mode      = "wait"
  wait      = "2m"
}
