package main

import "strings"

// judge collects what is risky about a command line.
type judge struct {
	text   []byte
	risk   int
	why    string
	labels []string
}

// mark adds a label; the reason is that of the greatest risk.
func (j *judge) mark(label string, risk int, why string) {
	if risk > j.risk {
		j.risk, j.why = risk, why
	}
	for _, l := range j.labels {
		if l == label {
			return
		}
	}
	j.labels = append(j.labels, label)
}

// mostDepth is how deep commands inside commands are looked at: sh -c,
// substitutions, eval.
const mostDepth = 4

func (j *judge) script(text []byte, depth int) {
	list := lex(text, nil)
	if depth >= mostDepth {
		j.mark("obfuscated", 60, "has commands inside commands, deeper than is looked at")
		return
	}
	for from := 0; from < len(list); {
		to := from
		for to < len(list) && list[to].op != ';' {
			to++
		}
		j.pipeline(list[from:to], depth)
		from = to + 1
	}
	if j.scrambled(text) {
		j.mark("obfuscated", 60, "hides its words in escapes or encodings")
	}
}

// pipeline judges commands joined by pipes.
func (j *judge) pipeline(list []token, depth int) {
	previous := ""
	fetched, decoded := false, false
	for from := 0; from <= len(list); {
		to := from
		for to < len(list) && list[to].op != '|' {
			to++
		}
		c := j.command(list[from:to], depth)
		if shells[c] || interpreters[c] {
			switch {
			case fetched:
				j.mark("download-and-run", 90, "runs what it fetches from a network")
			case decoded:
				j.mark("obfuscated", 80, "runs what it decodes")
			}
		}
		if (c == "nc" || c == "ncat" || c == "netcat" || c == "socat" || c == "curl" || c == "wget" || c == "ssh") && previous != "" && previous != "echo" && previous != "printf" {
			j.mark("exfiltration", 70, "sends the output of a command to another host")
		}
		fetched = fetched || c == "curl" || c == "wget" || c == "fetch" || c == "aria2c"
		decoded = decoded || c == "base64" || c == "base32" || c == "xxd" || c == "openssl" || c == "rev" || c == "uudecode"
		previous = c
		from = to + 1
	}
}

var shells = set("sh bash zsh dash ksh ash fish busybox")
var interpreters = set("python python2 python3 perl ruby node php lua awk xargs eval source")

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// wrappers run the command behind their options.
var wrappers = set("env nohup time nice ionice setsid stdbuf timeout command exec builtin then do else ! xargs watch chroot unshare flock")

// command judges one command with its redirections, and returns its name.
func (j *judge) command(list []token, depth int) string {
	var words []string
	for i, t := range list {
		if t.inner != "" {
			for _, s := range strings.SplitAfter(t.inner, "\n") {
				if s = body(strings.TrimSuffix(s, "\n")); s != "" {
					j.script([]byte(s), depth+1)
				}
			}
		}
		if t.op == '>' && i+1 < len(list) {
			j.writes(list[i+1].word)
		}
		if t.op == 0 && (i == 0 || list[i-1].op != '>' && list[i-1].op != '<') {
			words = append(words, t.word)
		}
	}
	for len(words) > 0 && strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-") {
		switch name, _, _ := strings.Cut(words[0], "="); name {
		case "LD_PRELOAD", "LD_LIBRARY_PATH", "BASH_ENV", "ENV", "PROMPT_COMMAND":
			j.mark("privilege", 60, "loads code of its own into other programs")
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return ""
	}
	name := base(words[0])
	args := words[1:]
	if strings.Contains(words[0], "$") {
		j.mark("obfuscated", 50, "runs a command whose name is not in the text")
	}
	switch {
	case name == "sudo" || name == "doas" || name == "su" || name == "pkexec" || name == "runuser":
		j.mark("privilege", 60, "acts as another user")
		if name == "su" || name == "runuser" {
			j.option(args, "-c", depth)
			return name
		}
		return j.rest(args, depth)
	case wrappers[name]:
		return j.rest(args, depth)
	case shells[name] && len(args) > 0 && !strings.HasPrefix(args[0], "-") && name == "busybox":
		return j.rest(args, depth)
	case shells[name]:
		j.option(args, "-c", depth)
	case name == "eval":
		j.script([]byte(strings.Join(args, " ")), depth+1)
	}
	j.judge(name, args)
	return name
}

// rest judges the command behind a wrapper's options and assignments.
func (j *judge) rest(args []string, depth int) string {
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.Contains(args[0], "=") || number(args[0])) {
		if takesValue(args[0]) && len(args) > 1 {
			args = args[1:]
		}
		args = args[1:]
	}
	list := make([]token, len(args))
	for i, a := range args {
		list[i] = token{word: a}
	}
	return j.command(list, depth)
}

func takesValue(option string) bool {
	switch option {
	case "-u", "-g", "-n", "-U", "-C", "-I", "-P", "-S":
		return true
	}
	return false
}

func number(s string) bool {
	return s != "" && strings.Trim(s, "0123456789.smhd") == ""
}

// option judges the script behind an option like -c, which may stand among
// others (-lc).
func (j *judge) option(args []string, option string, depth int) {
	for i, a := range args {
		if i+1 < len(args) && strings.HasPrefix(a, "-") && !strings.HasPrefix(a, "--") && strings.HasSuffix(a, option[1:]) {
			j.script([]byte(args[i+1]), depth+1)
			return
		}
	}
	for _, a := range args {
		if strings.HasPrefix(a, "/dev/tcp/") || strings.HasPrefix(a, "<(") {
			j.mark("download-and-run", 90, "runs what it fetches from a network")
		}
	}
}

func base(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// scrambled reports escapes that only hide what is meant.
func (j *judge) scrambled(text []byte) bool {
	s := string(text)
	return strings.Contains(s, "$'\\x") || strings.Contains(s, "$IFS") || strings.Contains(s, "${IFS") || strings.Count(s, "\\x") >= 4
}
