// Only the version: the tests are compiled within a copy of this module, by its own go.mod.
module cairn/interop/kubernetes

go 1.26

require k8s.io/apiserver v0.37.2
