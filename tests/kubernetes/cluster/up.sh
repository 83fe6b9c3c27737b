#!/bin/bash
# up.sh [--no-node]     start a real Kubernetes on this machine; leaves run/{kubeconfig,ca.crt,token,env}
#   default    : control plane + one real node (containerd, runc, kubelet, CNI bridge, kube-proxy)
#                inside its own network, mount, pid and uts namespaces; the host sees only
#                127.0.0.1:$KPORT (a relay over a unix socket to the API server)
#   --no-node  : etcd, kube-apiserver, kube-controller-manager, kube-scheduler only, on 127.0.0.1
# environment: KPORT (default 6443), LOWPRIO=1 (everything under chrt -i 0 nice -n 19), GATES (feature gates), COMPACT (etcd compaction interval, 5m),
#              APIEXTRA (more API server flags), K8S_BIN, K8S_RUN (other binaries, another state folder)
set -eu
H=$(cd "$(dirname "$0")" && pwd); W=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}; BIN=${K8S_BIN:-$W/bin}; R=${K8S_RUN:-$W/run}
KPORT=${KPORT:-6443}; NODE=1
[ "${1:-}" = "--no-node" ] && NODE=0
if [ -s "$R/ns.pid" ] && kill -0 "$(cat "$R/ns.pid")" 2>/dev/null; then echo "already up (pid $(cat "$R/ns.pid"))" >&2; exit 1; fi
LOW=; [ "${LOWPRIO:-0}" = 1 ] && LOW="chrt -i 0 nice -n 19"
rm -rf "$R"; mkdir -p "$R/pki" "$R/log" "$R/etcd"; chmod 700 "$R/pki" "$R/etcd"
T0=$(date +%s.%N)

# ---- certificates ----------------------------------------------------------
cd "$R/pki"
ca() { openssl ecparam -name prime256v1 -genkey -noout -out ca.key 2>/dev/null
       openssl req -x509 -new -key ca.key -subj /CN=load-testing-ca -days 3650 -out ca.crt \
         -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null; }
cert() { # name subject ext
  openssl ecparam -name prime256v1 -genkey -noout -out "$1.key" 2>/dev/null
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr" 2>/dev/null
  printf '%s\n' "keyUsage=critical,digitalSignature,keyEncipherment" "$3" > "$1.ext"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 3650 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  rm -f "$1.csr" "$1.ext"; }
ca
cert apiserver /CN=kube-apiserver "$(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:10.99.0.2')"
C="extendedKeyUsage=clientAuth"
cert admin /O=system:masters/CN=admin "$C"
cert kcm /CN=system:kube-controller-manager "$C"
cert sched /CN=system:kube-scheduler "$C"
cert proxy /CN=system:kube-proxy "$C"
cert kubelet /O=system:nodes/CN=system:node:ltnode "$(printf 'extendedKeyUsage=clientAuth,serverAuth\nsubjectAltName=DNS:ltnode,IP:127.0.0.1,IP:10.99.0.2')"
cert apikubelet /O=system:masters/CN=kube-apiserver-kubelet-client "$C"
openssl genrsa -out sa.key 2048 2>/dev/null; openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
kc() { # file name server
  cat > "$1" <<K
apiVersion: v1
kind: Config
clusters: [{name: lt, cluster: {server: "https://127.0.0.1:$3", certificate-authority: $R/pki/ca.crt}}]
users: [{name: u, user: {client-certificate: $R/pki/$2.crt, client-key: $R/pki/$2.key}}]
contexts: [{name: lt, context: {cluster: lt, user: u}}]
current-context: lt
K
  chmod 600 "$1"; }
IPORT=6443; [ $NODE = 0 ] && IPORT=$KPORT
for u in kcm sched proxy kubelet; do kc "$R/$u.kubeconfig" $u $IPORT; done
kc "$R/kubeconfig" admin "$KPORT"
cp ca.crt "$R/ca.crt"
cd "$R"

# ---- start -----------------------------------------------------------------
export H W BIN R KPORT IPORT NODE COMPACT=${COMPACT:-5m} APIEXTRA="${APIEXTRA:-}" GATES=${GATES:-}
if [ $NODE = 1 ]; then
  : > sysctl.saved   # what the kubelet changes on the whole machine; down.sh puts it back
  for k in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    [ -r /proc/sys/$k ] && echo "$k $(cat /proc/sys/$k)" >> sysctl.saved; done
  for c in cpu cpuacct cpuset memory devices freezer blkio pids systemd; do
    d=/sys/fs/cgroup/$c; [ -d $d ] || continue
    mkdir -p $d/ltk8s
    if [ $c = cpuset ]; then cat $d/cpuset.cpus > $d/ltk8s/cpuset.cpus; cat $d/cpuset.mems > $d/ltk8s/cpuset.mems; echo 1 > $d/ltk8s/cgroup.clone_children; fi
  done
  NSARGS="--net --mount --uts --pid --fork --kill-child=SIGKILL --mount-proc --propagation private"
else
  NSARGS="--mount --pid --fork --kill-child=SIGKILL --mount-proc --propagation private"
fi
setsid $LOW unshare $NSARGS "$H/inner.sh" </dev/null >"$R/log/inner.log" 2>&1 &
U=$!
for i in $(seq 100); do c=$(cat /proc/$U/task/$U/children 2>/dev/null || true); [ -n "$c" ] && break; sleep 0.05; done
echo "$U" > unshare.pid; echo ${c%% *} > ns.pid
awk '{print $22}' /proc/$U/stat > unshare.start
if [ $NODE = 1 ]; then
  for i in $(seq 200); do [ -S "$R/api.sock" ] && break; sleep 0.05; done
  setsid $LOW socat TCP-LISTEN:$KPORT,bind=127.0.0.1,reuseaddr,fork,backlog=128 UNIX-CONNECT:"$R/api.sock" </dev/null >"$R/log/relay.log" 2>&1 &
  echo $! > relay.pid; awk '{print $22}' /proc/$!/stat > relay.start
fi
K="$BIN/kubectl --kubeconfig $R/kubeconfig"
for i in $(seq 240); do curl -s --max-time 2 --cacert ca.crt --cert pki/admin.crt --key pki/admin.key https://127.0.0.1:$KPORT/readyz 2>/dev/null | grep -qx ok && break; sleep 0.25
  kill -0 $U 2>/dev/null || { echo "died; see $R/log" >&2; exit 1; }; done
T1=$(date +%s.%N); echo "API server ready after $(echo "$T1 - $T0" | bc | cut -c1-5) s"

# ---- the load-testing namespace, its ServiceAccount, Role, token ------------
for i in $(seq 60); do $K apply -f "$H/rbac.yaml" >/dev/null 2>>log/apply.log && break; sleep 0.5; done
# the controllers that the tests lean on have started when their service accounts are there
for a in job-controller deployment-controller replicaset-controller generic-garbage-collector namespace-controller; do
  for i in $(seq 240); do $K -n kube-system get sa $a >/dev/null 2>&1 && break; sleep 0.25; done; done
for i in $(seq 120); do $K -n load-testing get sa default >/dev/null 2>&1 && break; sleep 0.25; done
# a token for the service account by the TokenRequest API (works in 1.20 and in every later version)
( umask 077; curl -sf --cacert ca.crt --cert pki/admin.crt --key pki/admin.key -H 'Content-Type: application/json' \
    -d '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":86400}}' \
    https://127.0.0.1:$KPORT/api/v1/namespaces/load-testing/serviceaccounts/load-controller/token | jq -rj .status.token > token )
[ "$(wc -c < token)" -gt 100 ] || { echo "no token" >&2; exit 1; }
cat > env <<X
export KUBECONFIG=$R/kubeconfig
export K8S_API=https://127.0.0.1:$KPORT
export K8S_CA=$R/ca.crt
export K8S_TOKEN_FILE=$R/token
export K8S_NAMESPACE=load-testing
export PATH=$BIN:\$PATH
X
if [ $NODE = 1 ]; then
  for i in $(seq 240); do $K get node ltnode -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}' 2>/dev/null | grep -q True && break; sleep 0.5; done
  $K get node ltnode -o wide
fi
T2=$(date +%s.%N); echo "all up after $(echo "$T2 - $T0" | bc | cut -c1-5) s; . $R/env"
