/**
 * The first process of a node, a shell script: PID 1 of a PID and mount namespace of its own, inside the node's network namespace.
 * Killing it makes the kernel kill everything on the node, however it was started, and drop every mount, so nothing can be left behind.
 */
import { earlyComponents, lateComponents, BIN, NODE, PKI, type Component } from './components.ts';
import type { Layout, NodeLayout } from './layout.ts';

/** Kernel settings of the whole machine that the kubelet writes; on a node they are files of its own. */
const MACHINE_SETTINGS = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops', 'kernel/keys/root_maxkeys', 'kernel/keys/root_maxbytes'];

/** Text of the script. `binDir` holds the Kubernetes binaries. Paths are quoted for the shell. */
export function initScript(cluster: Layout, node: NodeLayout, binDir: string): string {
  return `#!/bin/sh
# First process of node ${node.name}. Written anew at every start.
set -eu

# /proc still shows the machine's processes, so this is the number that others know this process by.
read -r outer_pid rest < /proc/self/stat
echo "$outer_pid" > ${quote(`${node.dir}/init.pid.new`)}
mv ${quote(`${node.dir}/init.pid.new`)} ${quote(`${node.dir}/init.pid`)}

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p ${NODE} ${BIN} ${PKI} /run/lock /run/settings
mount --bind ${quote(node.dir)} ${NODE}
mount --bind ${quote(binDir)} ${BIN}
mount --bind ${quote(cluster.pkiDir)} ${PKI}
mount --bind ${NODE}/var /var
mount -t proc proc /proc
for setting in ${MACHINE_SETTINGS.join(' ')}; do
  [ -e "/proc/sys/$setting" ] || continue
  copy="/run/settings/$(basename "$setting")"
  cat "/proc/sys/$setting" > "$copy"
  mount --bind "$copy" "/proc/sys/$setting"
done
mount --make-rshared /
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
. ${NODE}/cni.sh
nft -f ${NODE}/masquerade.nft

# Runs a component for ever; each of its ends is a line "name status" in the file exits.
supervise() {
  name=$1
  shift
  while :; do
    status=0
    "$@" >> "${NODE}/log/$name.log" 2>&1 || status=$?
    echo "$name $status" >> ${NODE}/exits
    sleep 1
  done
}

admin() {
  ${BIN}/kubectl --kubeconfig=${PKI}/admin.kubeconfig "$@" > /dev/null 2>&1
}

${earlyComponents(cluster, node).map(start).join('\n')}

until admin get --raw=/readyz; do sleep 0.3; done
until admin get node ${node.name} || admin create -f ${NODE}/node.json; do sleep 0.3; done

${lateComponents(cluster, node).map(start).join('\n')}

# Waiting also reaps what the containers' supervisors leave to the first process.
while :; do wait; sleep 1; done
`;
}

function start(component: Component): string {
  return `supervise ${component.name} ${component.command.map(quote).join(' ')} &`;
}

/** A word for the shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
