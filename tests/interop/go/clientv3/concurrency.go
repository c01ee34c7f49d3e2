package main

import (
	"fmt"
	"strconv"
	"sync"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

// workers is how many sessions meet.
const workers = 8

// each runs the workers at the same time and passes on the first failure.
func each(work func(worker int)) {
	failures := make(chan any, workers)
	var group sync.WaitGroup
	for worker := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			defer func() {
				if cause := recover(); cause != nil {
					failures <- cause
				}
			}()
			work(worker)
		}()
	}
	group.Wait()
	close(failures)
	for cause := range failures {
		panic(cause)
	}
}

// mutex holds that one session at a time is within: each reads and writes a number, plainly.
func mutex(c *check) {
	const rounds = 5
	each(func(int) {
		session := must(concurrency.NewSession(c.cli, concurrency.WithTTL(30)))
		defer session.Close()
		lock := concurrency.NewMutex(session, "mutex/lock")
		for range rounds {
			done(lock.Lock(c.ctx))
			number := 0
			if found := must(c.cli.Get(c.ctx, "mutex/number")); found.Count == 1 {
				number = must(strconv.Atoi(string(found.Kvs[0].Value)))
			}
			owned := []clientv3.Cmp{lock.IsOwner()}
			write := clientv3.OpPut("mutex/number", fmt.Sprint(number+1))
			txn := must(c.cli.Txn(c.ctx).If(owned...).Then(write).Commit())
			c.that(txn.Succeeded, "a held lock has another owner")
			done(lock.Unlock(c.ctx))
		}
	})
	number := string(must(c.cli.Get(c.ctx, "mutex/number")).Kvs[0].Value)
	c.that(number == fmt.Sprint(workers*rounds), "%s rounds of %d", number, workers*rounds)
	holder := must(concurrency.NewSession(c.cli))
	defer holder.Close()
	held := concurrency.NewMutex(holder, "mutex/tried")
	done(held.TryLock(c.ctx))
	other := must(concurrency.NewSession(c.cli))
	defer other.Close()
	err := concurrency.NewMutex(other, "mutex/tried").TryLock(c.ctx)
	c.that(err == concurrency.ErrLocked, "a held lock was tried: %v", err)
}

func election(c *check) {
	first := must(concurrency.NewSession(c.cli))
	defer first.Close()
	second := must(concurrency.NewSession(c.cli))
	defer second.Close()
	a := concurrency.NewElection(first, "election")
	b := concurrency.NewElection(second, "election")
	done(a.Campaign(c.ctx, "a"))
	observed := b.Observe(c.ctx)
	leader := must(b.Leader(c.ctx))
	c.that(string(leader.Kvs[0].Value) == "a", "the leader is %s", leader.Kvs[0].Value)
	won := make(chan error, 1)
	go func() { won <- b.Campaign(c.ctx, "b") }()
	done(a.Proclaim(c.ctx, "a again"))
	done(a.Resign(c.ctx))
	done(<-won)
	for answer := range observed {
		if string(answer.Kvs[0].Value) == "b" {
			done(b.Resign(c.ctx))
			return
		}
	}
	c.that(false, "nobody saw the second leader")
}

// stm moves money between accounts: the sum stays. Its reads are answered by whoever is asked, at a
// revision that another member may not have yet, so all go to one.
func stm(c *check) {
	one := must(connect(c.endpoints[:1]))
	defer one.Close()
	account := func(number int) string { return fmt.Sprint("stm/", number%workers) }
	for number := range workers {
		must(one.Put(c.ctx, account(number), "100"))
	}
	move := func(from, to string) func(concurrency.STM) error {
		return func(stm concurrency.STM) error {
			a, b := must(strconv.Atoi(stm.Get(from))), must(strconv.Atoi(stm.Get(to)))
			stm.Put(from, fmt.Sprint(a-7))
			stm.Put(to, fmt.Sprint(b+7))
			return nil
		}
	}
	each(func(worker int) {
		for round := range 10 {
			from, to := account(worker), account(worker+1+round%(workers-1))
			must(concurrency.NewSTM(one, move(from, to), concurrency.WithAbortContext(c.ctx)))
		}
	})
	sum := 0
	for _, kv := range must(c.cli.Get(c.ctx, "stm/", clientv3.WithPrefix())).Kvs {
		sum += must(strconv.Atoi(string(kv.Value)))
	}
	c.that(sum == 100*workers, "the sum of all accounts is %d", sum)
}
