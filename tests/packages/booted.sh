#!/bin/bash
# booted.sh: run by a real systemd (test_deb.py boots one) with the package installed; prints TAP.
set -u
n=0
ok() { # ok NAME COMMAND...: the command's success is the result
	local name=$1
	shift
	n=$((n + 1))
	if "$@" >/tmp/out 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/#   /' /tmp/out
		journalctl -n 20 --no-pager 2>/dev/null | sed 's/^/#   /'
	fi
}
is() { [ "$1" = "$2" ] || { echo "got $1, want $2"; return 1; }; }
show() { systemctl show -P "$2" "$1"; }
in_state() { is "$(show "$1" ActiveState)" "$2"; }
fails() { ! "$@"; }
wants() { systemctl list-dependencies --plain "$1" | grep -w $s; }
until_true() { # until_true COMMAND...: for as long as it takes, up to a minute
	for _ in $(seq 600); do "$@" && return; sleep 0.1; done
	return 1
}
answers() { curl -sf -o /dev/null http://127.0.0.1:8000/readyz; }
s=squalld@standalone

ok "no instance runs after installation" is "$(systemctl list-units --no-legend 'squalld@*' | wc -l)" 0
ok "an instance starts" systemctl start $s
ok "it answers" until_true answers
ok "as user squall" is "$(stat -c %U "/proc/$(show $s MainPID)")" squall
ok "it runs a test" squall run --gateway http://127.0.0.1:8000 -r 20 -d 1s -w 1 --allow-invalid
before=$(show $s MainPID)
ok "it restarts" systemctl restart $s
ok "and answers again" until_true answers
ok "as another process" fails is "$(show $s MainPID)" "$before"
ok "what it knew is still there" test "$(curl -s http://127.0.0.1:8000/tests | grep -c completed)" -gt 0
before=$(show $s MainPID)
ok "killed" kill -KILL "$before"
ok "it comes back" until_true answers
ok "by itself" fails is "$(show $s MainPID)" "$before"
ok "it stops" systemctl stop $s
ok "in order" is "$(show $s Result) $(show $s ExecMainStatus)" "success 0"
ok "and leaves no process" fails pgrep squalld
ok "enabled for the next boot" systemctl enable $s
ok "with squall.target" wants squall.target
ok "without it, too" systemctl disable squall.target
ok "as multi-user.target wants it" wants multi-user.target
systemctl enable squall.target
ok "squall.target starts what is enabled" systemctl restart squall.target
ok "that is this instance" until_true answers
ok "squall.target stops it" systemctl stop squall.target
ok "with the others" until_true in_state $s inactive
echo 'rolse = ( );' >/etc/squall/wrong.conf
systemctl start squalld@wrong
ok "a wrong .conf fails" until_true in_state squalld@wrong failed
ok "and is not tried again" is "$(show squalld@wrong NRestarts) $(show squalld@wrong ExecMainStatus)" "0 2"
ok "an instance without .conf does not start" fails systemctl start squalld@missing
printf 'TARGET_URL=http://127.0.0.1:1/hit\nDURATION_SEC=1\n' >/etc/squall/worker.env
systemctl start squalld@worker
ok "a worker on its own fails without a target" until_true in_state squalld@worker failed
ok "and repeats no load" is "$(show squalld@worker NRestarts)" 0
echo "1..$n"
