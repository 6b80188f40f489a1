package redis

import (
	"slices"
	"strconv"
	"strings"

	"sluice.dev/proxy/gate"
	"sluice.dev/proxy/mask"
	"sluice.dev/proxy/protocol/redis/commands"
	"sluice.dev/proxy/protocol/redis/resp"
)

// analysis is what a request is: its facts, and what its answer's masks need.
type analysis struct {
	facts   *gate.Facts
	command *commands.Command
	keys    []commands.Key
	// touches are the protected patterns whose values it reads, writes those
	// that it writes to.
	touches, writes []string
	refuse          *gate.Refusal
	refuseColumns   []string
}

// operations of commands whose flags alone do not say it.
var operations = map[string]string{
	"del": "delete", "unlink": "delete", "getdel": "delete", "hdel": "delete", "srem": "delete", "zrem": "delete", "lrem": "delete",
	"ltrim": "delete", "spop": "delete", "lpop": "delete", "rpop": "delete", "blpop": "delete", "brpop": "delete", "zpopmin": "delete",
	"zpopmax": "delete", "xdel": "delete", "xtrim": "delete", "expire": "delete", "pexpire": "delete", "expireat": "delete", "pexpireat": "delete",
	"flushall": "truncate", "flushdb": "truncate", "swapdb": "truncate",
	"eval": "call", "evalsha": "call", "eval_ro": "call", "evalsha_ro": "call", "fcall": "call", "fcall_ro": "call",
	"script|load": "load", "function|load": "load", "function|restore": "load", "module|load": "load", "module|loadex": "load",
	"publish": "notify", "spublish": "notify", "config|set": "set", "dump": "copy_out", "migrate": "copy_out", "restore": "copy_in",
	"save": "checkpoint", "bgsave": "checkpoint", "acl|setuser": "grant", "acl|deluser": "revoke",
	"ping": "session", "echo": "session", "select": "session", "hello": "session", "quit": "session", "client|setname": "session",
	"client|getname": "session", "client|setinfo": "session", "client|id": "session", "client|info": "session", "command": "session",
	"command|count": "session", "command|docs": "session", "command|info": "session", "time": "session",
}

// refused are commands that the gateway does not pass on, and why.
var refused = map[string]string{
	"monitor": "it shows every client's commands", "sync": "replication is not passed on", "psync": "replication is not passed on",
	"replconf": "replication is not passed on", "client|reply": "answers that do not come cannot be told apart",
	"client|tracking": "client-side caching is not passed on yet", "client|caching": "client-side caching is not passed on yet",
	"multi": notYet, "exec": notYet, "discard": notYet, "watch": notYet, "unwatch": notYet,
	"subscribe": noPubSub, "psubscribe": noPubSub, "ssubscribe": noPubSub, "unsubscribe": noPubSub, "punsubscribe": noPubSub, "sunsubscribe": noPubSub,
	"reset": "a session keeps its log-in: connect again", "auth": "a session keeps its log-in: connect again",
	"script|debug": "it changes what this connection speaks", "asking": "other nodes of a cluster are not reached",
}

// shows are commands that quote keys' values without naming a key.
var shows = map[string]bool{"slowlog": true, "commandlog": true, "debug": true}

// first is a command's name without the subcommand's.
func first(name string) string {
	name, _, _ = strings.Cut(name, "|")
	return name
}

const (
	notYet   = "transactions are not passed on yet"
	noPubSub = "subscriptions are not passed on yet"
)

func operation(c *commands.Command) string {
	if op := operations[c.Name]; op != "" {
		return op
	}
	switch {
	case c.Has("admin"):
		return "other"
	case c.Has("write"):
		return "update"
	case c.Has("readonly"):
		return "select"
	}
	return "other"
}

// analyse reads a request against the server's table.
func (o *Options) analyse(t commands.Table, args [][]byte) *analysis {
	c := t.Find(args)
	if c == nil {
		return nil
	}
	a := &analysis{command: c}
	var sure bool
	a.keys, sure = c.Keys(args)
	op := operation(c)
	f := &gate.Facts{Resolved: "none", Operations: []string{op}, Session: op == "session"}
	var names []string
	for _, k := range a.keys {
		name := string(args[k.Index])
		add(&names, name)
		cols := o.columnsOf(name)
		if k.Write {
			add(&f.Writes, name)
			add(&a.writes, cols...)
		}
		if k.Access || !k.Write {
			add(&f.Reads, name)
		}
		if k.Access {
			add(&a.touches, cols...)
		}
	}
	dynamic := op == "call"
	f.Complete = sure && !dynamic
	f.ReadOnly = sure && !dynamic && (c.Has("readonly") || f.Session)
	f.Columns = slices.Clone(a.touches)
	add(&f.Columns, a.writes...)
	f.Flags = map[string]bool{"drop": op == "truncate", "dynamic": dynamic, "secret": secrets(c) > 0}
	f.Extra = map[string]any{"command": c.Name, "keys": names, "flags": c.Flags, "categories": c.Categories}
	f.Fingerprint = c.Name
	f.Description = strings.ToUpper(strings.ReplaceAll(c.Name, "|", " "))
	if len(names) > 0 {
		f.Description += " on " + clip(strings.Join(names, ", "))
	}
	switch {
	case refused[c.Name] != "":
		a.refuse = gate.Deny(f.Description+": "+refused[c.Name], "")
	case len(o.Columns) > 0 && shows[first(c.Name)]:
		a.refuse = gate.Deny("it shows what others have sent, and this connection has masked keys", "")
		a.refuseColumns = o.Columns
	case len(o.Columns) > 0 && (!sure || dynamic):
		a.refuse = gate.Deny("which keys it touches cannot be told, and this connection has masked keys", "Name the keys in a command of their own.")
		a.refuseColumns = o.Columns
	case c.Has("write"):
		a.keepsMasks(o, args)
	}
	f.Encode("redis", 0)
	a.facts = f
	return a
}

// keepsMasks refuses to carry a protected value to a key that is not
// protected alike.
func (a *analysis) keepsMasks(o *Options, args [][]byte) {
	for _, k := range a.keys {
		if !k.Access {
			continue
		}
		from := o.columnsOf(string(args[k.Index]))
		for _, to := range a.keys {
			if !to.Write || to.Index == k.Index || string(args[to.Index]) == string(args[k.Index]) {
				continue
			}
			cols := o.columnsOf(string(args[to.Index]))
			for _, col := range from {
				if !slices.Contains(cols, col) {
					add(&a.refuseColumns, col)
				}
			}
		}
		if a.command.Name == "migrate" || a.command.Name == "move" {
			add(&a.refuseColumns, from...)
		}
	}
	if len(a.refuseColumns) > 0 {
		a.refuse = gate.Deny("it would carry a masked value to where it is not masked", "")
	}
}

// secrets is the first argument that may be a password; 0: none.
func secrets(c *commands.Command) int {
	switch c.Name {
	case "config|set", "acl|setuser":
		return 3
	case "migrate":
		return 6
	case "hello":
		return 2
	}
	return 0
}

// maxInline is the longest argument that a command's text shows itself, in
// bytes; longer ones are bound values.
const maxInline = 512

// gateCommand is a request as the gate sees it.
func (a *analysis) gateCommand(args [][]byte, database string) *gate.Command {
	c := &gate.Command{Facts: a.facts, Database: database, Refuse: a.refuse, RefuseColumns: a.refuseColumns}
	secret := secrets(a.command)
	cols := a.facts.Columns
	for i, arg := range args {
		if i > 0 {
			c.Text = append(c.Text, ' ')
		}
		key := slices.ContainsFunc(a.keys, func(k commands.Key) bool { return k.Index == i })
		if len(arg) > maxInline && !key && (secret == 0 || i < secret) {
			c.Params = append(c.Params, gate.Param{Value: slices.Clone(arg), Columns: cols})
			c.Text = append(append(c.Text, '$'), strconv.Itoa(len(c.Params))...)
			continue
		}
		from := len(c.Text)
		switch {
		case i == 0:
			c.Text = append(c.Text, strings.ToUpper(string(arg))...)
		case plain(arg):
			c.Text = append(c.Text, arg...)
		default:
			c.Text = strconv.AppendQuote(c.Text, string(arg))
		}
		if i > 0 && !key {
			c.Literals = append(c.Literals, gate.Literal{From: from, To: len(c.Text), Columns: cols, Secret: secret > 0 && i >= secret})
		}
	}
	c.Canonical = canonical(args)
	return c
}

// canonical is equal for equal actions: letter case of the command's name
// apart.
func canonical(args [][]byte) []byte {
	all := make([]string, len(args))
	for i, arg := range args {
		all[i] = string(arg)
	}
	all[0] = strings.ToLower(all[0])
	return resp.Append(nil, all...)
}

func plain(b []byte) bool {
	for _, c := range b {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\'' || c == '\\' {
			return false
		}
	}
	return len(b) > 0
}

func clip(s string) string {
	if len(s) > 120 {
		return strings.ToValidUTF8(s[:120], "") + "…"
	}
	return s
}

func add(to *[]string, names ...string) {
	for _, n := range names {
		if !slices.Contains(*to, n) {
			*to = append(*to, n)
		}
	}
}

// masks says whether the answer has values that the plan hides.
func (a *analysis) masks(p *mask.Plan) bool {
	return !p.Empty() && slices.ContainsFunc(a.touches, func(c string) bool { return p.Columns[c].Action != mask.None })
}
