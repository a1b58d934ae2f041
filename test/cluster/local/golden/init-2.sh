#!/bin/sh
# First process of node mesh-2. Written anew at every start.
set -eu

# /proc still shows the machine's processes, so this is the number that others know this process by.
read -r outer_pid rest < /proc/self/stat
echo "$outer_pid" > /state/mesh/nodes/2/init.pid.new
mv /state/mesh/nodes/2/init.pid.new /state/mesh/nodes/2/init.pid

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/node /run/kubernetes/bin /run/kubernetes/pki /run/lock /run/settings
mount --bind /state/mesh/nodes/2 /run/node
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

supervise containerd containerd --config /run/node/containerd.toml &

until admin get --raw=/readyz; do sleep 0.3; done
until admin get node mesh-2 || admin create -f /run/node/node.json; do sleep 0.3; done

supervise kubelet /run/kubernetes/bin/kubelet --config=/run/node/kubelet.yaml --kubeconfig=/run/kubernetes/pki/kubelet-2.kubeconfig --hostname-override=mesh-2 --node-ip=172.31.4.3,fd00:31:4::3 &
supervise kube-proxy /run/kubernetes/bin/kube-proxy --kubeconfig=/run/kubernetes/pki/proxy.kubeconfig --cluster-cidr=10.104.0.0/16,fd00:104::/48 --hostname-override=mesh-2 --proxy-mode=nftables --conntrack-max-per-core=0 --conntrack-min=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0 &

# Waiting also reaps what the containers' supervisors leave to the first process.
while :; do wait; sleep 1; done
