package main

import (
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"go.uber.org/zap"
)

// services are locks and elections that the server keeps for the client.
func services(c *check) {
	lease := int64(must(c.cli.Grant(c.ctx, 60)).ID)
	conn := c.cli.ActiveConnection()
	lock := v3lockpb.NewLockClient(conn)
	held := must(lock.Lock(c.ctx, &v3lockpb.LockRequest{Name: []byte("served/lock"), Lease: lease}))
	again := must(lock.Lock(c.ctx, &v3lockpb.LockRequest{Name: []byte("served/lock"), Lease: lease}))
	c.that(string(again.Key) == string(held.Key), "one lease has two keys of a lock")
	must(lock.Unlock(c.ctx, &v3lockpb.UnlockRequest{Key: held.Key}))
	election := v3electionpb.NewElectionClient(conn)
	name := []byte("served/election")
	won := must(election.Campaign(c.ctx, &v3electionpb.CampaignRequest{
		Name: name, Lease: lease, Value: []byte("one"),
	}))
	must(election.Proclaim(c.ctx, &v3electionpb.ProclaimRequest{
		Leader: won.Leader, Value: []byte("uno"),
	}))
	leader := must(election.Leader(c.ctx, &v3electionpb.LeaderRequest{Name: name}))
	c.that(string(leader.Kv.Value) == "uno", "the leader is %q", leader.Kv.Value)
	must(election.Resign(c.ctx, &v3electionpb.ResignRequest{Leader: won.Leader}))
	must(c.cli.Revoke(c.ctx, clientv3.LeaseID(lease)))
}

func (c *check) as(name, password string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: c.endpoints, Username: name, Password: password,
		DialTimeout: 5 * time.Second, Logger: zap.NewNop(),
	})
}

// auth turns it on and off again; calls between are made by three users.
func auth(c *check) {
	must(c.cli.RoleAdd(c.ctx, "reader"))
	must(c.cli.RoleGrantPermission(c.ctx, "reader", "auth/", "auth0",
		clientv3.PermissionType(clientv3.PermRead)))
	must(c.cli.UserAdd(c.ctx, "alice", "secret"))
	must(c.cli.UserGrantRole(c.ctx, "alice", "reader"))
	must(c.cli.RoleAdd(c.ctx, "root"))
	must(c.cli.UserAdd(c.ctx, "root", "top"))
	must(c.cli.UserGrantRole(c.ctx, "root", "root"))
	_, err := c.cli.UserAdd(c.ctx, "alice", "x")
	c.that(errors.Is(err, rpctypes.ErrUserAlreadyExist), "added twice: %v", err)
	must(c.cli.AuthEnable(c.ctx))
	root := must(c.as("root", "top"))
	defer root.Close()
	alice := must(c.as("alice", "secret"))
	defer alice.Close()
	_, err = c.as("alice", "wrong")
	c.that(errors.Is(err, rpctypes.ErrAuthFailed), "a wrong password: %v", err)
	_, err = c.cli.Get(c.ctx, "auth/a")
	c.that(errors.Is(err, rpctypes.ErrUserEmpty), "nobody reads: %v", err)
	must(root.Put(c.ctx, "auth/a", "1"))
	c.that(must(alice.Get(c.ctx, "auth/a")).Count == 1, "alice finds nothing")
	_, err = alice.Put(c.ctx, "auth/a", "2")
	c.that(errors.Is(err, rpctypes.ErrPermissionDenied), "alice writes: %v", err)
	_, err = alice.Txn(c.ctx).Then(clientv3.OpGet("auth/a"), clientv3.OpGet("other")).Commit()
	c.that(errors.Is(err, rpctypes.ErrPermissionDenied), "alice reads elsewhere: %v", err)
	told := c.next(alice.Watch(c.ctx, "other"))
	c.that(told.Canceled, "alice watches what she may not read")
	must(root.AuthDisable(c.ctx))
	must(c.cli.UserDelete(c.ctx, "alice"))
	must(c.cli.UserDelete(c.ctx, "root"))
	must(c.cli.RoleDelete(c.ctx, "reader"))
	must(c.cli.RoleDelete(c.ctx, "root"))
}
