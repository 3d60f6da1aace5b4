package main

import (
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
)

// keyLength is the length of a subject, which is the key that peers count it by.
const keyLength = 16

// A crowd is members who come in a random order, each of them once before any comes again. Each has
// a subject of its own for each check.
type crowd struct {
	checks int
	order  []uint32 // several shuffles of all members, one after the other
	from   int      // the position of the first decision that is prepared
	n      int      // how many are
	// keys are the subjects of the decisions that are prepared, in their order, so that neither
	// making them nor finding them in the caches counts.
	keys string
}

// shuffles is how many orders there are before the first comes again.
const shuffles = 8

func newCrowd(members, checks int) *crowd {
	c := &crowd{checks: checks, order: make([]uint32, shuffles*members)}
	random := rand.New(rand.NewPCG(1, 2))
	for at := 0; at < len(c.order); at += members {
		turn := c.order[at : at+members]
		for i := range turn {
			turn[i] = uint32(i)
		}
		random.Shuffle(len(turn), func(i, j int) { turn[i], turn[j] = turn[j], turn[i] })
	}
	return c
}

// prepare prepares the next n decisions.
func (c *crowd) prepare(n int) {
	c.from += c.n
	c.n = n
	keys := make([]byte, 0, n*c.checks*keyLength)
	for i := range n {
		member := uint64(c.order[(c.from+i)%len(c.order)])
		for check := range c.checks {
			// As different as digests are.
			number := mixed(member<<2 | uint64(check))
			keys = binary.BigEndian.AppendUint64(keys, number)
			keys = binary.BigEndian.AppendUint64(keys, mixed(number))
		}
	}
	c.keys = string(keys)
}

// mixed is the finalizer of SplitMix64.
func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// position returns the number of the i-th decision among all that the crowd ever made.
func (c *crowd) position(i int) int { return c.from + i }

// key returns the subject of a check of the i-th decision.
func (c *crowd) key(i, check int) string {
	from := (i*c.checks + check) * keyLength
	return c.keys[from : from+keyLength]
}

// subject returns the same as bytes.
func (c *crowd) subject(i, check int) (subject [keyLength]byte) {
	copy(subject[:], c.key(i, check))
	return subject
}

// block is how many decisions a caller takes from the others at once, so that sharing them costs
// nothing, and instants are hardly out of order.
const block = 32

// parallel makes decisions by a caller on each processor, as many as the benchmark is to run.
func (c *crowd) parallel(b *testing.B, decide decider) {
	c.prepare(b.N + block*runtime.GOMAXPROCS(0)) // the last blocks are not finished
	var taken atomic.Int64
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		i, end := 0, 0
		for pb.Next() {
			if i == end {
				end = int(taken.Add(block))
				i = end - block
			}
			if err := decide(c, i); err != nil {
				b.Error(err)
				return
			}
			i++
		}
	})
}
