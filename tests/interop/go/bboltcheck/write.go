package main

import (
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// writers make files that use all that the format has.
var writers = map[string]func(path string) error{
	// A free list on disk, with pages in it.
	"synced": func(path string) error { return everything(path, &bolt.Options{}) },
	// No free list on disk, which is how etcd opens its file.
	"unsynced": func(path string) error {
		return everything(path, &bolt.Options{NoFreelistSync: true})
	},
	// Pages of another size.
	"large-pages": func(path string) error { return everything(path, &bolt.Options{PageSize: 16384}) },
	// Nothing at all.
	"empty": func(path string) error { return change(path, &bolt.Options{}, func(*bolt.Tx) error { return nil }) },
}

func change(path string, options *bolt.Options, steps ...func(tx *bolt.Tx) error) error {
	db, err := bolt.Open(path, 0o600, options)
	if err != nil {
		return err
	}
	defer db.Close()
	for _, step := range steps {
		if err := db.Update(step); err != nil {
			return err
		}
	}
	return nil
}

// everything leaves deep trees, pages that overflow, nested and inline buckets, many buckets, and
// free pages behind.
func everything(path string, options *bolt.Options) error {
	return change(path, options,
		func(tx *bolt.Tx) error { return fill(tx, "key", 0, 9000) },
		func(tx *bolt.Tx) error { return fill(tx, "doomed", 0, 3000) },
		func(tx *bolt.Tx) error {
			for number := range 400 {
				if err := fill(tx, fmt.Sprintf("many-%03d", number), 0, number%7); err != nil {
					return err
				}
			}
			return nil
		},
		nest,
		func(tx *bolt.Tx) error { return tx.DeleteBucket([]byte("doomed")) },
		func(tx *bolt.Tx) error { return thin(tx, "key", 9000) },
	)
}

// fill puts entries from first up to last; every 300th is large.
func fill(tx *bolt.Tx, name string, first, last int) error {
	bucket, err := tx.CreateBucketIfNotExists([]byte(name))
	if err != nil {
		return err
	}
	for number := first; number < last; number++ {
		value := make([]byte, number%120)
		if number%300 == 0 {
			value = make([]byte, 30000)
		}
		for at := range value {
			value[at] = byte(number + at)
		}
		if err := bucket.Put(fmt.Appendf(nil, "key-%08d", number), value); err != nil {
			return err
		}
	}
	return nil
}

// thin deletes every third entry and a whole stretch.
func thin(tx *bolt.Tx, name string, last int) error {
	bucket := tx.Bucket([]byte(name))
	for number := range last {
		if number%3 == 0 || (number > 2000 && number < 4000) {
			if err := bucket.Delete(fmt.Appendf(nil, "key-%08d", number)); err != nil {
				return err
			}
		}
	}
	return nil
}

// nest puts small and large buckets within each other.
func nest(tx *bolt.Tx) error {
	outer, err := tx.CreateBucketIfNotExists([]byte("nest"))
	if err != nil {
		return err
	}
	for level := range 6 {
		if err := outer.SetSequence(uint64(level) + 7); err != nil {
			return err
		}
		for number := range 50 << level {
			if err := outer.Put(fmt.Appendf(nil, "k%06d", number), []byte("v")); err != nil {
				return err
			}
		}
		small, err := outer.CreateBucket([]byte("small"))
		if err != nil {
			return err
		}
		if err := small.Put([]byte("inline"), []byte("yes")); err != nil {
			return err
		}
		if outer, err = outer.CreateBucket([]byte("deeper")); err != nil {
			return err
		}
	}
	return nil
}

// grow changes a file in several transactions with the options that etcd uses.
func grow(path string) error {
	options := &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType}
	return change(path, options,
		func(tx *bolt.Tx) error { return fill(tx, "key", 0, 500) },
		func(tx *bolt.Tx) error { return fill(tx, "grown", 0, 2000) },
		func(tx *bolt.Tx) error { return thin(tx, "key", 500) },
		func(tx *bolt.Tx) error { return fill(tx, "key", 400, 900) },
	)
}
