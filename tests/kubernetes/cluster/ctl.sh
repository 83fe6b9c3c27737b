#!/bin/bash
# ctl.sh pids [NAME]        host pids of what runs inside (etcd, kube-apiserver, kubelet, containerd, ...)
# ctl.sh kill NAME [SIG]    end one component by its pid; apiserver, kcm, sched, kubelet, kube-proxy come back in 1 s
# ctl.sh exec CMD...        run a command in the node's namespaces (crictl/ctr/iptables/ip see the node)
H=$(cd "$(dirname "$0")" && pwd); R=${K8S_RUN:-${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}/run}; N=$(cat "$R/ns.pid")
pids() { local want=$(readlink /proc/$N/ns/pid) p; for p in /proc/[0-9]*; do p=${p#/proc/}
  [ "$(readlink /proc/$p/ns/pid 2>/dev/null)" = "$want" ] || continue
  c=$(tr '\0' ' ' < /proc/$p/cmdline 2>/dev/null); set -- $c; n=${1##*/}; [ -z "$WANT" ] || [ "$n" = "$WANT" ] && echo "$p $n"; done; }
case "$1" in
pids) WANT=${2:-} pids ;;
kill) for p in $(WANT=$2 pids | cut -d' ' -f1); do kill -${3:-TERM} "$p"; done ;;
exec) shift; exec nsenter -t "$N" -n -m -u -p "$@" ;;
*) sed -n 2,4p "$0"; exit 2 ;;
esac
