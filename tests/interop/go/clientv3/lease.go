package main

import (
	"context"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

func leases(c *check) {
	grant := must(c.cli.Grant(c.ctx, 600))
	c.that(grant.TTL == 600 && grant.ID != 0, "granted %v", grant)
	must(c.cli.Put(c.ctx, "lease/a", "", clientv3.WithLease(grant.ID)))
	must(c.cli.Put(c.ctx, "lease/b", "", clientv3.WithLease(grant.ID)))
	left := must(c.cli.TimeToLive(c.ctx, grant.ID, clientv3.WithAttachedKeys()))
	full := left.GrantedTTL == 600 && left.TTL > 590 && left.TTL <= 600
	c.that(full && len(left.Keys) == 2, "left %v", left)
	once := must(c.cli.KeepAliveOnce(c.ctx, grant.ID))
	c.that(once.TTL == 600, "kept alive for %d", once.TTL)
	listed := false
	for _, lease := range must(c.cli.Leases(c.ctx)).Leases {
		listed = listed || lease.ID == grant.ID
	}
	c.that(listed, "a granted lease is not listed")
	must(c.cli.Revoke(c.ctx, grant.ID))
	found := must(c.cli.Get(c.ctx, "lease/", clientv3.WithPrefix()))
	c.that(found.Count == 0, "keys outlive their lease: %s", pairs(found))
	left = must(c.cli.TimeToLive(c.ctx, grant.ID))
	c.that(left.TTL == -1, "a revoked lease has %d s left", left.TTL)
	_, err := c.cli.KeepAliveOnce(c.ctx, grant.ID)
	c.that(err == rpctypes.ErrLeaseNotFound, "a revoked lease is kept alive: %v", err)
	expiry(c)
}

// expiry lets a lease live by its stream, beyond its time, and then end by itself.
func expiry(c *check) {
	grant := must(c.cli.Grant(c.ctx, 2))
	put := must(c.cli.Put(c.ctx, "lease/short", "x", clientv3.WithLease(grant.ID)))
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	renewals := must(c.cli.KeepAlive(ctx, grant.ID))
	began := time.Now()
	for time.Since(began) < 2*time.Duration(grant.TTL)*time.Second {
		renewal, open := <-renewals
		c.that(open && renewal.TTL == grant.TTL, "the stream ended, or renewed by %v", renewal)
	}
	kept := must(c.cli.Get(c.ctx, "lease/short"))
	c.that(kept.Count == 1, "a lease that is kept alive has ended")
	stop()
	watch := c.cli.Watch(c.ctx, "lease/short", clientv3.WithRev(put.Header.Revision+1))
	ended := c.events(watch, 1)
	c.that(told(ended) == "DELETE lease/short=;", "the end of a lease tells %s", told(ended))
}
