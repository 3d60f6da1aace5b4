package soak_test

import (
	"slices"
	"strings"
	"sync"
)

// What the clients' install IDs and addresses begin with. Nothing else on the machine does.
const (
	idMark         = "phone-q7x-"
	addressMark    = "198.18."
	floodedAddress = "198.19.0.1"
	floodedInstall = idMark + "flooded"
)

const base64url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// inspector reads log lines for what no line may hold.
type inspector struct {
	mu     sync.Mutex
	lines  int
	tokens map[string]struct{} // the signatures of all tokens
	words  map[string]string   // words that may be parts of tokens, with their lines
	leaks  []string
}

func newInspector() *inspector {
	return &inspector{tokens: map[string]struct{}{}, words: map[string]string{}}
}

// issued records a token that a client has received.
func (i *inspector) issued(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tokens[token[strings.LastIndexByte(token, '.')+1:]] = struct{}{}
}

// inspect takes one log line.
func (i *inspector) inspect(line string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.lines++
	for _, mark := range []string{idMark, addressMark, floodedAddress} {
		if strings.Contains(line, mark) {
			i.leaks = append(i.leaks, line)
		}
	}
	for word := range strings.FieldsFuncSeq(line, func(c rune) bool {
		return !strings.ContainsRune(base64url, c)
	}) {
		if len(word) > 40 { // the shortest signature has 43 characters
			i.words[word] = line
		}
	}
}

// found returns how many lines there were, and those that hold a token, an address or an install
// ID.
func (i *inspector) found() (lines int, leaks []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	leaks = slices.Clone(i.leaks)
	for word, line := range i.words {
		if _, is := i.tokens[word]; is {
			leaks = append(leaks, line)
		}
	}
	return i.lines, leaks
}
