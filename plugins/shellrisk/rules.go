package main

import "strings"

func has(args []string, words ...string) bool {
	for _, a := range args {
		for _, w := range words {
			if a == w {
				return true
			}
		}
	}
	return false
}

// flag reports a letter among short options (-rf), or its long form.
func flag(args []string, letter, long string) bool {
	for _, a := range args {
		if a == long || len(a) > 1 && a[0] == '-' && a[1] != '-' && strings.Contains(a[1:], letter) {
			return true
		}
	}
	return false
}

func anyPrefix(args []string, prefixes ...string) bool {
	for _, a := range args {
		for _, p := range prefixes {
			if strings.HasPrefix(a, p) {
				return true
			}
		}
	}
	return false
}

// judge looks at one command by its name and arguments.
func (j *judge) judge(name string, args []string) {
	j.destroys(name, args)
	j.takesOut(name, args)
	j.rises(name, args)
	j.stays(name, args)
}

func (j *judge) destroys(name string, args []string) {
	switch {
	case name == "rm" && (flag(args, "r", "--recursive") || flag(args, "R", "--recursive")):
		j.mark("destructive", 80, "removes a directory with all that is in it")
	case name == "rm" || name == "unlink" || name == "rmdir":
		j.mark("destructive", 40, "removes files")
	case name == "shred" || name == "wipefs" || name == "mkfs" || strings.HasPrefix(name, "mkfs.") || name == "fdisk" || name == "parted" || name == "mkswap" || name == "blkdiscard" || name == "sgdisk":
		j.mark("destructive", 95, "overwrites or formats a disk or files")
	case name == "dd" && anyPrefix(args, "of="):
		j.mark("destructive", 80, "writes over a device or file")
	case name == "find" && has(args, "-delete"), name == "find" && has(args, "-exec", "-execdir") && has(args, "rm", "/bin/rm", "shred"):
		j.mark("destructive", 80, "removes every file that is found")
	case name == "truncate", name == "git" && has(args, "clean") && flag(args, "f", "--force"), name == "git" && has(args, "push") && flag(args, "f", "--force"), name == "git" && has(args, "reset") && has(args, "--hard"):
		j.mark("destructive", 60, "throws work or contents away")
	case name == "shutdown" || name == "reboot" || name == "halt" || name == "poweroff", name == "init" && has(args, "0", "6"):
		j.mark("destructive", 80, "stops the machine")
	case name == "systemctl" && has(args, "stop", "disable", "mask", "kill", "poweroff", "reboot"), name == "service" && has(args, "stop"):
		j.mark("destructive", 60, "stops a service")
	case name == "kill" || name == "killall" || name == "pkill":
		j.mark("destructive", 50, "ends processes")
	case name == "kubectl" && has(args, "delete", "drain"), name == "docker" && has(args, "rm", "rmi", "prune", "kill"), name == "helm" && has(args, "uninstall", "delete"), name == "terraform" && has(args, "destroy"):
		j.mark("destructive", 80, "removes running resources")
	case (name == "psql" || name == "mysql" || name == "sqlite3" || name == "mongo" || name == "mongosh") && j.sql(args), name == "dropdb", name == "redis-cli" && (has(args, "FLUSHALL", "flushall", "FLUSHDB", "flushdb")):
		j.mark("destructive", 80, "drops or empties data")
	case (name == "iptables" || name == "nft" || name == "ufw") && has(args, "-F", "--flush", "flush", "disable"):
		j.mark("destructive", 70, "takes a firewall away")
	case strings.HasPrefix(name, ":") && strings.Contains(string(j.text), ":|:"):
		j.mark("destructive", 90, "starts processes without end")
	}
}

func (j *judge) sql(args []string) bool {
	s := strings.ToUpper(strings.Join(args, " "))
	return strings.Contains(s, "DROP ") || strings.Contains(s, "TRUNCATE ") || strings.Contains(s, "DELETE FROM ")
}

func (j *judge) takesOut(name string, args []string) {
	switch {
	case name == "curl" && (flag(args, "T", "--upload-file") || anyPrefix(args, "@", "-d@", "--data=@", "--data-binary=@") || has(args, "-F", "--form") || j.posts(args)):
		j.mark("exfiltration", 70, "uploads to another host")
	case name == "wget" && anyPrefix(args, "--post-file", "--body-file"):
		j.mark("exfiltration", 70, "uploads to another host")
	case (name == "scp" || name == "rsync" || name == "sftp") && remote(args):
		j.mark("exfiltration", 60, "copies files between hosts")
	case name == "nc" || name == "ncat" || name == "netcat" || name == "socat":
		j.mark("exfiltration", 60, "opens a raw connection")
	case (name == "aws" || name == "gsutil" || name == "rclone" || name == "az" || name == "gcloud") && has(args, "cp", "sync", "copy", "mv", "upload"):
		j.mark("exfiltration", 60, "copies to or from a store in the cloud")
	case name == "pg_dump" || name == "pg_dumpall" || name == "mysqldump" || name == "mongodump":
		j.mark("exfiltration", 50, "dumps a database")
	}
	for _, a := range args {
		if strings.HasPrefix(a, "/dev/tcp/") || strings.HasPrefix(a, "/dev/udp/") {
			j.mark("exfiltration", 80, "opens a raw connection")
		}
		if secretFile(a) {
			j.mark("exfiltration", 60, "reads a file that holds credentials")
		}
	}
}

func (j *judge) posts(args []string) bool {
	for i, a := range args {
		if strings.HasPrefix(a, "-d") || strings.HasPrefix(a, "--data") {
			if strings.Contains(a, "$(") || i+1 < len(args) && strings.Contains(args[i+1], "$(") {
				return true
			}
		}
	}
	return false
}

func remote(args []string) bool {
	for _, a := range args {
		if colon := strings.IndexByte(a, ':'); colon > 0 && !strings.HasPrefix(a, "-") {
			return true
		}
	}
	return false
}

func secretFile(a string) bool {
	for _, s := range []string{"/etc/shadow", "/etc/gshadow", ".ssh/id_", ".aws/credentials", ".kube/config", ".docker/config.json", ".netrc", ".pgpass", ".git-credentials", "/var/run/secrets/", "/run/secrets/", "/proc/self/environ", "/etc/sudoers"} {
		if strings.Contains(a, s) {
			return true
		}
	}
	return false
}

func (j *judge) rises(name string, args []string) {
	switch {
	case name == "chmod" && (anyPrefix(args, "u+s", "g+s", "+s", "4", "2755", "6") && !has(args, "400", "440", "444", "600", "640", "644", "660", "664", "666") || has(args, "777", "a+rwx", "0777", "666", "o+w")):
		j.mark("privilege", 70, "gives files rights that anyone may use")
	case name == "chown" || name == "chgrp" || name == "setfacl" || name == "setcap":
		j.mark("privilege", 50, "changes who owns or may use files")
	case name == "useradd" || name == "adduser" || name == "usermod" || name == "userdel" || name == "groupadd" || name == "gpasswd" || name == "passwd" || name == "chpasswd" || name == "visudo":
		j.mark("privilege", 70, "changes users or their passwords")
	case name == "insmod" || name == "modprobe" || name == "sysctl" && flag(args, "w", "--write") || name == "setenforce" || name == "nsenter" || name == "mount" && len(args) > 1 || name == "capsh":
		j.mark("privilege", 70, "changes the kernel's or a namespace's safeguards")
	case name == "docker" && has(args, "--privileged") || name == "kubectl" && has(args, "clusterrolebinding", "rolebinding", "clusterrole"):
		j.mark("privilege", 80, "gives rights over a machine or cluster")
	}
}

func (j *judge) stays(name string, args []string) {
	switch {
	case name == "crontab" && !has(args, "-l") || name == "at" || name == "batch":
		j.mark("persistence", 60, "plans commands for later")
	case name == "systemctl" && has(args, "enable", "link", "edit"), name == "update-rc.d", name == "chkconfig":
		j.mark("persistence", 60, "has a service started at boot")
	case name == "ssh-copy-id":
		j.mark("persistence", 70, "lets a key log in")
	case name == "tee" || name == "cp" || name == "mv" || name == "install" || name == "ln" || name == "sed" && flag(args, "i", "--in-place"):
		if len(args) > 0 {
			j.writes(args[len(args)-1])
		}
	case (name == "pip" || name == "pip3" || name == "npm" || name == "gem" || name == "go" || name == "cargo") && has(args, "install") && anyPrefix(args, "http://", "https://", "git+"):
		j.mark("download-and-run", 70, "installs what it fetches from a network")
	case name == "history" && flag(args, "c", "--clear"), name == "unset" && has(args, "HISTFILE"), name == "auditctl" && has(args, "-e", "-D"):
		j.mark("obfuscated", 70, "hides what was done")
	}
}

// writes judges a file that a command writes to.
func (j *judge) writes(path string) {
	switch {
	case strings.Contains(path, ".ssh/authorized_keys"):
		j.mark("persistence", 90, "lets a key log in")
	case strings.HasPrefix(path, "/etc/cron"), strings.HasPrefix(path, "/var/spool/cron"), strings.HasPrefix(path, "/etc/systemd/"), strings.HasPrefix(path, "/etc/init.d/"), strings.HasPrefix(path, "/etc/profile"), path == "/etc/rc.local", path == "/etc/ld.so.preload",
		strings.HasSuffix(path, ".bashrc"), strings.HasSuffix(path, ".profile"), strings.HasSuffix(path, ".bash_profile"), strings.HasSuffix(path, ".zshrc"):
		j.mark("persistence", 80, "has code run at a later time or log-in")
	case strings.HasPrefix(path, "/etc/sudoers"), path == "/etc/passwd", path == "/etc/shadow", path == "/etc/group":
		j.mark("privilege", 90, "changes who may do what on the machine")
	case strings.HasPrefix(path, "/dev/sd"), strings.HasPrefix(path, "/dev/nvme"), strings.HasPrefix(path, "/dev/vd"), strings.HasPrefix(path, "/dev/xvd"), strings.HasPrefix(path, "/dev/mapper/"):
		j.mark("destructive", 95, "writes over a disk")
	case strings.HasPrefix(path, "/dev/tcp/"), strings.HasPrefix(path, "/dev/udp/"):
		j.mark("exfiltration", 80, "opens a raw connection")
	case strings.HasPrefix(path, "/proc/sys/"), strings.HasPrefix(path, "/sys/"):
		j.mark("privilege", 70, "changes the kernel's safeguards")
	case strings.HasSuffix(path, "_history") || strings.HasPrefix(path, "/var/log/"):
		j.mark("obfuscated", 70, "hides what was done")
	}
}
