//go:build packages

// Package packages names what is tested, so that go.mod keeps its requirement.
package packages

import (
	_ "go.etcd.io/etcd/tests/v3/framework/e2e"
)
