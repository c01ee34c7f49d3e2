package main

import (
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
)

func maintenance(c *check) {
	var leader, follower uint64
	var leading string
	for _, endpoint := range c.endpoints {
		answer := must(c.cli.Status(c.ctx, endpoint))
		c.that(answer.Version == "3.7.1" && answer.DbSize > 0, "status %v", answer)
		c.that(answer.RaftAppliedIndex > 0 && len(answer.Errors) == 0, "status %v", answer)
		c.that(leader == 0 || leader == answer.Leader, "two leaders: %x, %x", leader, answer.Leader)
		leader = answer.Leader
		if answer.Header.MemberId == leader {
			leading = endpoint
		} else {
			follower = answer.Header.MemberId
		}
		must(c.cli.Defragment(c.ctx, endpoint))
	}
	hash := must(c.cli.HashKV(c.ctx, c.endpoints[0], 0))
	for _, endpoint := range c.endpoints {
		// Each member has applied what the first hashed once it answers a linearizable read.
		at := must(connect([]string{endpoint}))
		must(at.Get(c.ctx, "a"))
		done(at.Close())
		other := must(c.cli.HashKV(c.ctx, endpoint, hash.HashRevision))
		c.that(other.Hash == hash.Hash, "%s has another hash", endpoint)
	}
	c.that(len(must(c.cli.AlarmList(c.ctx)).Alarms) == 0, "there are alarms")
	at := must(connect([]string{leading}))
	defer at.Close()
	_, err := at.MoveLeader(c.ctx, 0x1234)
	c.that(err == rpctypes.ErrBadLeaderTransferee, "moved to nobody: %v", err)
	if follower != 0 {
		must(at.MoveLeader(c.ctx, follower))
		must(c.cli.Put(c.ctx, "moved", "x"))
		now := must(c.cli.Status(c.ctx, leading)).Leader
		c.that(now == follower, "the leader is %x, not %x", now, follower)
	}
}

// cluster adds a member that never starts, as a learner, so that the quorum stays.
func cluster(c *check) {
	before := must(c.cli.MemberList(c.ctx)).Members
	c.that(len(before) == len(c.endpoints), "%d members", len(before))
	for _, member := range before {
		c.that(member.Name != "" && len(member.ClientURLs) > 0, "member %v", member)
	}
	added := must(c.cli.MemberAddAsLearner(c.ctx, []string{"http://127.0.0.1:1"})).Member
	c.that(added.IsLearner && added.ID != 0, "added %v", added)
	// An id follows from the URLs and the second, so the same URLs alone could be the same member.
	_, err := c.cli.MemberAddAsLearner(c.ctx, []string{"http://127.0.0.1:1", "http://127.0.0.1:9"})
	c.that(err == rpctypes.ErrPeerURLExist, "added twice: %v", err)
	_, err = c.cli.MemberAddAsLearner(c.ctx, []string{"http://127.0.0.1:2"})
	c.that(err == rpctypes.ErrTooManyLearners, "a second learner: %v", err)
	must(c.cli.MemberUpdate(c.ctx, added.ID, []string{"http://127.0.0.1:3"}))
	_, err = c.cli.MemberPromote(c.ctx, added.ID)
	c.that(err == rpctypes.ErrMemberLearnerNotReady, "promoted: %v", err)
	must(c.cli.MemberRemove(c.ctx, added.ID))
	after := must(c.cli.MemberList(c.ctx)).Members
	c.that(len(after) == len(before), "%d members", len(after))
	done(c.cli.Sync(c.ctx))
	c.that(len(c.cli.Endpoints()) == len(before), "synced to %v", c.cli.Endpoints())
}

// failover gives the client an endpoint where nobody listens in front of those that work.
func failover(c *check) {
	cli := must(connect(append([]string{"http://127.0.0.1:1"}, c.endpoints...)))
	defer cli.Close()
	for i := range 20 {
		must(cli.Put(c.ctx, "failover", fmt.Sprint(i)))
	}
	found := must(cli.Get(c.ctx, "failover"))
	c.that(pairs(found) == "failover=19" && found.Kvs[0].Version == 20, "found %v", found.Kvs)
}
