// Command walcheck judges log files with etcd's own storage/wal package: it writes a log as etcd
// does, or verifies and reads one and prints what etcd understood as JSON.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

type entry struct {
	Type  int32  `json:"type"`
	Term  uint64 `json:"term"`
	Index uint64 `json:"index"`
	Data  string `json:"data"`
}

type report struct {
	Node     uint64  `json:"node"`
	Cluster  uint64  `json:"cluster"`
	Term     uint64  `json:"term"`
	Vote     uint64  `json:"vote"`
	Commit   uint64  `json:"commit"`
	Snapshot uint64  `json:"snapshot"`
	Entries  []entry `json:"entries"`
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: walcheck write|read DIR")
		os.Exit(2)
	}
	var err error
	switch os.Args[1] {
	case "write":
		err = write(os.Args[2])
	case "read":
		err = read(os.Args[2])
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(dir string) error {
	lg := zap.NewNop()
	marks, err := wal.ValidSnapshotEntries(lg, dir)
	if err != nil {
		return fmt.Errorf("snapshot entries: %w", err)
	}
	mark := &walpb.Snapshot{Index: proto.Uint64(0), Term: proto.Uint64(0)}
	if len(marks) > 0 {
		mark = marks[len(marks)-1]
	}
	if _, err = wal.Verify(lg, dir, mark); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	log, err := wal.OpenForRead(lg, dir, mark)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer log.Close()
	meta, state, entries, err := log.ReadAll()
	if err != nil {
		return fmt.Errorf("read all: %w", err)
	}
	var who etcdserverpb.Metadata
	if err = proto.Unmarshal(meta, &who); err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	out := report{
		Node: who.GetNodeID(), Cluster: who.GetClusterID(),
		Term: state.GetTerm(), Vote: state.GetVote(), Commit: state.GetCommit(),
		Snapshot: mark.GetIndex(), Entries: []entry{},
	}
	for _, e := range entries {
		out.Entries = append(out.Entries, entry{
			Type: int32(e.GetType()), Term: e.GetTerm(), Index: e.GetIndex(),
			Data: base64.StdEncoding.EncodeToString(e.GetData()),
		})
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

// write makes a log of several segments with a replaced suffix and a snapshot mark.
func write(dir string) error {
	wal.SegmentSizeBytes = 2048
	meta, err := proto.Marshal(&etcdserverpb.Metadata{
		NodeID: proto.Uint64(0x1234), ClusterID: proto.Uint64(0xabcdef0123456789),
	})
	if err != nil {
		return err
	}
	log, err := wal.Create(zap.NewNop(), dir, meta)
	if err != nil {
		return err
	}
	save := func(term, commit, first, last uint64) error {
		var entries []*raftpb.Entry
		for i := first; i <= last; i++ {
			entries = append(entries, &raftpb.Entry{
				Type: raftpb.EntryNormal.Enum(), Term: &term, Index: proto.Uint64(i),
				Data: []byte(fmt.Sprintf("term %d entry %d %0*d", term, i, i%90, 0)),
			})
		}
		return log.Save(&raftpb.HardState{
			Term: &term, Vote: proto.Uint64(0x1234), Commit: &commit,
		}, entries)
	}
	for i := uint64(1); i <= 40; i++ {
		if err = save(1, i-1, i, i); err != nil {
			return err
		}
	}
	if err = save(1, 40, 41, 50); err != nil {
		return err
	}
	if err = save(3, 43, 44, 47); err != nil {
		return err
	}
	if err = log.SaveSnapshot(&walpb.Snapshot{
		Index: proto.Uint64(42), Term: proto.Uint64(1),
		ConfState: &raftpb.ConfState{Voters: []uint64{0x1234}},
	}); err != nil {
		return err
	}
	if err = save(3, 47, 48, 90); err != nil {
		return err
	}
	if err = save(3, 90, 91, 93); err != nil {
		return err
	}
	return log.Close()
}
