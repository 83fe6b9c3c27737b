#!/bin/bash
# install.sh: everything that up.sh needs for a real Kubernetes 1.20.2 on one Debian 12 machine, idempotent.
# The binaries (bin.tar.xz beside this file) were built from Debian's own source package of kubernetes by the
# same steps that FROM_SOURCE=1 repeats here (Debian packages only, 5 to 15 minutes, 2.5 GB).
#   K8S_HOME   where to unpack, build and run (default /var/cache/squall-k8s)
#   NODE=0     control plane only: skips containerd and the images
#   LOWPRIO=1  run all at idle priority on one core
set -eu
H=$(cd "$(dirname "$0")" && pwd); P=${SQUALL_K8S:-${K8S_HOME:-/var/cache/squall-k8s}}; NODE=${NODE:-1}; mkdir -p "$P"
[ -f "$H/bin.tar.xz" ] || FROM_SOURCE=1; FROM_SOURCE=${FROM_SOURCE:-0}
LOW=; J=$(nproc); [ "${LOWPRIO:-0}" = 1 ] && { LOW="chrt -i 0 nice -n 19"; J=1; }
export DEBIAN_FRONTEND=noninteractive
say() { echo "== $(date +%T) $*"; }

# 1. packages
need="etcd-server curl jq bc openssl ca-certificates xz-utils"
[ "$NODE" = 1 ] && need="$need containerd runc containernetworking-plugins iptables conntrack ipset socat iproute2"
[ "$FROM_SOURCE" = 1 ] && need="$need golang-1.19-go dpkg-dev"
[ "$FROM_SOURCE" = 1 ] && [ "$NODE" = 1 ] && need="$need buildah podman busybox-static gcc libc6-dev"
miss=; for p in $need; do [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || miss="$miss $p"; done
if [ -n "$miss" ]; then say "apt-get install$miss"; $LOW apt-get update -qq; $LOW apt-get install -y -qq --no-install-recommends $miss >/dev/null; fi

# 2. the binaries as they come
if [ "$FROM_SOURCE" = 0 ]; then
  [ -x "$P/bin/kubelet" ] || { say "unpack"; tar -C "$P" -xJf "$H/bin.tar.xz"; }
  [ "$NODE" = 0 ] || [ -f "$P/img/images.tar" ] || { mkdir -p "$P/img"; xz -dc "$H/images.tar.xz" > "$P/img/images.tar"; }
  say "ready: $P/bin"; exit 0
fi

# 2b. or from kubernetes' source, as Debian has it (1.20.2 with its vendored dependencies)
K=$P/gopath/src/k8s.io/kubernetes
if [ ! -d "$K/cmd/kube-apiserver" ]; then
  say "apt-get source kubernetes"
  mkdir -p "$P/apt/lists/partial" "$P/apt/cache/archives/partial" "$P/src" "$P/gopath/src/k8s.io"
  # the machine's own sources, as deb-src, in a folder of our own: the machine's apt stays as it is
  sed 's/^Types:.*/Types: deb-src/' /etc/apt/sources.list.d/debian.sources > "$P/apt/src.sources"
  O="-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=$P/apt/ -o Dir::State::lists=$P/apt/lists -o Dir::Cache=$P/apt/cache -o APT::Sandbox::User=root"
  $LOW apt-get $O update -qq
  ( cd "$P/src" && $LOW apt-get $O source -qq --download-only kubernetes && $LOW dpkg-source --no-check -x kubernetes_*.dsc "$K.new" >/dev/null ) && mv "$K.new" "$K"
fi
# reflect2 1.0.1 in that tree crashes every server built with Go >= 1.18 (SIGSEGV in mapiternext):
# take Debian's packaged 1.0.2 in its place
V=$K/vendor/github.com/modern-go/reflect2
if [ ! -f "$V/go_above_118.go" ]; then
  say "reflect2 1.0.2"
  ( mkdir -p "$P/x" && cd "$P/x" && $LOW apt-get download -qq -o APT::Sandbox::User=root golang-github-modern-go-reflect2-dev && dpkg-deb -x golang-github-modern-go-reflect2-dev_*.deb . )
  rm -rf "$V"; mkdir -p "$V"; cp -L "$P"/x/usr/share/gocode/src/github.com/modern-go/reflect2/* "$V/"
fi

# 3. build, in GOPATH mode (module mode wants go.mod changes with Go > 1.15)
export GOROOT=/usr/lib/go-1.19 PATH=/usr/lib/go-1.19/bin:$PATH
export GO111MODULE=off GOMAXPROCS=$J GOFLAGS="-p=$J -trimpath" GOCACHE=$P/gocache GOPATH=$P/gopath CGO_ENABLED=0
LD="-s -w"; for p in client-go/pkg/version component-base/version; do q=k8s.io/kubernetes/vendor/k8s.io/$p
  LD="$LD -X $q.gitVersion=v1.20.2 -X $q.gitMajor=1 -X $q.gitMinor=20 -X $q.gitTreeState=archive -X $q.buildDate=2021-01-13T13:20:00Z"; done
mkdir -p "$P/bin"; cd "$K"
# the OpenAPI definitions are generated, not shipped
if [ ! -f pkg/generated/openapi/zz_generated.openapi.go ]; then
  say "openapi-gen"
  $LOW go build -o "$P/bin/openapi-gen" ./vendor/k8s.io/kube-openapi/cmd/openapi-gen
  dirs=$( { grep -rl --include='*.go' '+k8s:openapi-gen=' cmd pkg plugin || true
            ( cd vendor/k8s.io; for d in *; do grep -rl --include='*.go' '+k8s:openapi-gen=' "$d/" || true; done ) | sed 's#^#vendor/k8s.io/#'; } \
    | grep -vE '_test\.go$|^vendor/k8s.io/(code-generator|sample-apiserver|kube-openapi|gengo)/|/testdata/|/_examples/' | xargs -n1 dirname | LC_ALL=C sort -u )
  $LOW "$P/bin/openapi-gen" --logtostderr -i "$(for d in $dirs; do echo k8s.io/kubernetes/$d; done | paste -sd,)" -p k8s.io/kubernetes/pkg/generated/openapi \
    -O zz_generated.openapi -h vendor/k8s.io/code-generator/hack/boilerplate.go.txt -r "$P/openapi.violations"
fi
B="kube-apiserver kube-controller-manager kube-scheduler kubectl"; [ "$NODE" = 1 ] && B="$B kubelet kube-proxy"
for b in $B; do
  [ -x "$P/bin/$b" ] && [ "$P/bin/$b" -nt "$V/go_above_118.go" ] && "$P/bin/$b" --version 2>/dev/null | grep -q 'v1\.20\.2' && continue
  [ $b = kubectl ] && [ -x "$P/bin/$b" ] && continue
  say "go build $b"; $LOW go build -ldflags "$LD" -o "$P/bin/$b" "./cmd/$b"
done

# 4. two small images, built offline
if [ "$NODE" = 1 ] && [ ! -f "$P/img/images.tar" ]; then
  say "images"; mkdir -p "$P/img/pause" "$P/img/worker"; cd "$P/img"
  cat > pause/pause.c <<'C'
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
static void down(int s) { (void)s; _exit(0); }
static void reap(int s) { (void)s; while (waitpid(-1, 0, WNOHANG) > 0) ; }
int main(void) {
    struct sigaction a = {0}, r = {0};
    a.sa_handler = down; r.sa_handler = reap; r.sa_flags = SA_NOCLDSTOP;
    sigaction(SIGINT, &a, 0); sigaction(SIGTERM, &a, 0); sigaction(SIGCHLD, &r, 0);
    for (;;) pause();
}
C
  gcc -O2 -static -s -o pause/pause pause/pause.c
  printf 'FROM scratch\nCOPY pause /pause\nUSER 65535:65535\nENTRYPOINT ["/pause"]\n' > pause/Dockerfile
  cp /bin/busybox worker/busybox
  printf 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nENV PATH=/bin\nRUN mkdir -p /tmp /etc && echo "worker:x:1000:1000::/:/bin/sh" > /etc/passwd\nCMD ["sh", "-c", "echo hello from $(hostname); sleep 1; echo done"]\n' > worker/Dockerfile
  # chroot isolation: crun (podman's default runtime) refuses the hybrid cgroup mounts
  $LOW buildah bud -q --isolation chroot -t localhost/pause:1 pause; $LOW buildah bud -q --isolation chroot -t localhost/worker:1 worker
  $LOW podman save -q --format docker-archive -m -o images.tar localhost/pause:1 localhost/worker:1
fi
say "ready: $P/bin"
