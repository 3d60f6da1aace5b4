package simulate

import (
	"cmp"
	"slices"

	"github.com/offload/sessiond/domain/throttle"
)

// Kind is a kind of subjects.
type Kind uint8

// The kinds.
const (
	Addresses Kind = iota
	Networks
	Installations
	kinds
)

// kindOf returns the kind of the subjects of a dimension.
func kindOf(dimension throttle.Dimension) Kind {
	switch dimension {
	case throttle.ByAddress, throttle.ByRenewalAddress:
		return Addresses
	case throttle.ByNetwork:
		return Networks
	case throttle.ByInstall, throttle.ByRenewal, throttle.ByProof: // no trace has the last one
	}
	return Installations
}

// Share is the distribution of refusals over the subjects of a kind. An address or an installation
// that requests both new sessions and renewals counts as two subjects, because their digests are
// unrelated.
type Share struct {
	// Subjects is the number of subjects, and Refused how many were refused at least once.
	Subjects, Refused int
	// Top is the share of refusals of the 1 % of subjects, rounded up, that were refused most; 0
	// without refusals.
	Top float64
}

// RefusedShare returns the share of subjects that were ever refused.
func (s Share) RefusedShare() float64 {
	if s.Subjects == 0 {
		return 0
	}
	return float64(s.Refused) / float64(s.Subjects)
}

// subjectID is the number of a subject.
type subjectID uint32

// subjects numbers the subjects of a recording.
type subjects struct {
	ids        map[subjectKey]subjectID
	dimensions []throttle.Dimension // by id
	seen       [throttle.ByRenewalAddress + 1]int
}

type subjectKey struct {
	dimension throttle.Dimension
	subject   throttle.Subject
}

func newSubjects() subjects { return subjects{ids: map[subjectKey]subjectID{}} }

// id returns the number of the subject of a check.
func (s *subjects) id(check throttle.Check) subjectID {
	key := subjectKey{check.Dimension, check.Subject}
	id, known := s.ids[key]
	if !known {
		id = subjectID(len(s.dimensions))
		s.ids[key] = id
		s.dimensions = append(s.dimensions, check.Dimension)
		s.seen[check.Dimension]++
	}
	return id
}

// shares returns the distribution of refusals for each kind. refused is the number of refusals of
// each subject.
func (s *subjects) shares(refused map[subjectID]int) [kinds]Share {
	var shares [kinds]Share
	for dimension, count := range s.seen {
		shares[kindOf(throttle.Dimension(dimension))].Subjects += count
	}
	var counts [kinds][]int
	for id, count := range refused {
		kind := kindOf(s.dimensions[id])
		counts[kind] = append(counts[kind], count)
	}
	for kind := range shares {
		share := &shares[kind]
		share.Refused = len(counts[kind])
		slices.SortFunc(counts[kind], func(a, b int) int { return cmp.Compare(b, a) })
		total, top := 0, 0
		for i, count := range counts[kind] {
			total += count
			if i < (share.Subjects+99)/100 {
				top += count
			}
		}
		if total > 0 {
			share.Top = float64(top) / float64(total)
		}
	}
	return shares
}
