#!/bin/bash
# down.sh: stop exactly what up.sh started (by recorded pid and start time), remove its cgroups, put sysctls back.
set -u
H=$(cd "$(dirname "$0")" && pwd); R=${K8S_RUN:-${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}/run}
same() { [ -s "$R/$1.pid" ] && [ -s "$R/$1.start" ] && [ "$(awk '{print $22}' /proc/$(cat "$R/$1.pid")/stat 2>/dev/null)" = "$(cat "$R/$1.start")" ]; }
if same relay; then kill "$(cat "$R/relay.pid")"; fi
if same unshare; then
  U=$(cat "$R/unshare.pid"); N=$(cat "$R/ns.pid")
  kill -9 "$N" 2>/dev/null        # pid 1 of the namespace: the kernel ends all that is in it
  for i in $(seq 200); do kill -0 "$U" 2>/dev/null || break; sleep 0.05; done
fi
if [ -f "$R/sysctl.saved" ]; then while read -r k v; do [ "$(cat /proc/sys/$k)" = "$v" ] || echo "$v" > /proc/sys/$k; done < "$R/sysctl.saved"; fi
for c in cpu cpuacct cpuset memory devices freezer blkio pids systemd unified; do
  d=/sys/fs/cgroup/$c/ltk8s; [ -d "$d" ] || continue
  for i in $(seq 50); do find "$d" -depth -type d -exec rmdir {} + 2>/dev/null; [ -d "$d" ] || break; sleep 0.1; done
done
rmdir /run/ltk8s 2>/dev/null
rm -f "$R"/{ns,unshare,relay}.{pid,start} "$R"/*.nspid
