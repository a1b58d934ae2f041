// Test tooling only: pins the CoreDNS that the local cluster provider builds.
module kubectl-mesh.io/test/cluster/coredns

go 1.24.0

require github.com/coredns/coredns v1.12.4
