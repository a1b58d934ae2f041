#!/bin/sh
# First process of node mesh-1. Written anew at every start.
set -eu

# /proc still shows the machine's processes, so this is the number that others know this process by.
read -r outer_pid rest < /proc/self/stat
echo "$outer_pid" > /state/mesh/nodes/1/init.pid.new
mv /state/mesh/nodes/1/init.pid.new /state/mesh/nodes/1/init.pid

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/node /run/kubernetes/bin /run/kubernetes/pki /run/lock /run/settings
mount --bind /state/mesh/nodes/1 /run/node
mount --bind /cache/bin /run/kubernetes/bin
mount --bind /state/mesh/pki /run/kubernetes/pki
mount --bind /run/node/var /var
mount -t proc proc /proc
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
  [ -e "/proc/sys/$setting" ] || continue
  copy="/run/settings/$(basename "$setting")"
  cat "/proc/sys/$setting" > "$copy"
  mount --bind "$copy" "/proc/sys/$setting"
done
mount --make-rshared /
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
. /run/node/cni.sh
nft -f /run/node/masquerade.nft

# Runs a component for ever; each of its ends is a line "name status" in the file exits.
supervise() {
  name=$1
  shift
  while :; do
    status=0
    "$@" >> "/run/node/log/$name.log" 2>&1 || status=$?
    echo "$name $status" >> /run/node/exits
    sleep 1
  done
}

admin() {
  /run/kubernetes/bin/kubectl --kubeconfig=/run/kubernetes/pki/admin.kubeconfig "$@" > /dev/null 2>&1
}

supervise etcd etcd --data-dir=/var/lib/etcd --unsafe-no-fsync --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=default=http://127.0.0.1:2380 --log-level=warn &
supervise kube-apiserver /run/kubernetes/bin/kube-apiserver --etcd-servers=http://127.0.0.1:2379 --advertise-address=172.31.4.2 --secure-port=6443 --service-cluster-ip-range=10.96.0.0/16,fd00:96::/112 --client-ca-file=/run/kubernetes/pki/ca.crt --tls-cert-file=/run/kubernetes/pki/apiserver.crt --tls-private-key-file=/run/kubernetes/pki/apiserver.key --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file=/run/kubernetes/pki/sa.pub --service-account-signing-key-file=/run/kubernetes/pki/sa.key --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction --allow-privileged=true --kubelet-certificate-authority=/run/kubernetes/pki/ca.crt --kubelet-client-certificate=/run/kubernetes/pki/kubelet-client.crt --kubelet-client-key=/run/kubernetes/pki/kubelet-client.key --kubelet-preferred-address-types=InternalIP --requestheader-client-ca-file=/run/kubernetes/pki/front-proxy-ca.crt --requestheader-allowed-names=front-proxy-client --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group --requestheader-username-headers=X-Remote-User --proxy-client-cert-file=/run/kubernetes/pki/front-proxy.crt --proxy-client-key-file=/run/kubernetes/pki/front-proxy.key --enable-aggregator-routing=true --profiling=false &
supervise containerd containerd --config /run/node/containerd.toml &

until admin get --raw=/readyz; do sleep 0.3; done
until admin get node mesh-1 || admin create -f /run/node/node.json; do sleep 0.3; done

supervise kubelet /run/kubernetes/bin/kubelet --config=/run/node/kubelet.yaml --kubeconfig=/run/kubernetes/pki/kubelet-1.kubeconfig --hostname-override=mesh-1 --node-ip=172.31.4.2,fd00:31:4::2 &
supervise kube-proxy /run/kubernetes/bin/kube-proxy --kubeconfig=/run/kubernetes/pki/proxy.kubeconfig --cluster-cidr=10.104.0.0/16,fd00:104::/48 --hostname-override=mesh-1 --proxy-mode=nftables --conntrack-max-per-core=0 --conntrack-min=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 &
supervise kube-controller-manager /run/kubernetes/bin/kube-controller-manager --kubeconfig=/run/kubernetes/pki/controller-manager.kubeconfig --authentication-kubeconfig=/run/kubernetes/pki/controller-manager.kubeconfig --authorization-kubeconfig=/run/kubernetes/pki/controller-manager.kubeconfig --service-account-private-key-file=/run/kubernetes/pki/sa.key --root-ca-file=/run/kubernetes/pki/ca.crt --cluster-signing-cert-file=/run/kubernetes/pki/ca.crt --cluster-signing-key-file=/run/kubernetes/pki/ca.key --use-service-account-credentials=true --leader-elect=false --node-monitor-grace-period=10m --allocate-node-cidrs=false --profiling=false &
supervise kube-scheduler /run/kubernetes/bin/kube-scheduler --kubeconfig=/run/kubernetes/pki/scheduler.kubeconfig --authentication-kubeconfig=/run/kubernetes/pki/scheduler.kubeconfig --authorization-kubeconfig=/run/kubernetes/pki/scheduler.kubeconfig --leader-elect=false --profiling=false &

# Waiting also reaps what the containers' supervisors leave to the first process.
while :; do wait; sleep 1; done
