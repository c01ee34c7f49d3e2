// Package testserver takes the place of the apiserver's package of this name when its tests are
// built: they are given a client of the cluster that runs already, instead of a server of their
// own in their process.
package testserver

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/kubernetes"
	"go.etcd.io/etcd/server/v3/embed"
	"go.uber.org/zap"
	storagetesting "k8s.io/apiserver/pkg/storage/testing"
)

// patience is for what is done before a test begins.
const patience = 30 * time.Second

// NewTestConfig is what tests change to get a server of another configuration; the cluster is
// started with the intervals that they ask for.
func NewTestConfig(t testing.TB) *embed.Config {
	return embed.NewConfig()
}

// RunEtcd gives a client of the cluster whose endpoints CLIENTS_ENDPOINTS names, without keys.
// Tests count its calls, so it records them as the apiserver's own package does.
func RunEtcd(t testing.TB, _ *embed.Config) *kubernetes.Client {
	t.Helper()
	endpoints := os.Getenv("CLIENTS_ENDPOINTS")
	if endpoints == "" {
		t.Fatal("CLIENTS_ENDPOINTS names no endpoint")
	}
	client, err := kubernetes.New(clientv3.Config{
		Endpoints:   strings.Split(endpoints, ","),
		DialTimeout: patience,
		Logger:      zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := client.Delete(ctx, "\x00", clientv3.WithFromKey()); err != nil {
		t.Fatal(err)
	}
	recorder := storagetesting.NewKubernetesRecorder(client.Kubernetes)
	client.KV = storagetesting.NewKVRecorder(client.KV, recorder)
	client.Kubernetes = recorder
	return client
}
