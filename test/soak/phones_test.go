package soak_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"
)

// phone is an installation of an app whose client does what docs/clients.md says. Each has an
// address of its own.
type phone struct {
	id, address string

	mu      sync.Mutex
	session issued
	renewed []time.Time // when its last renewals were sent, at most renewalsPerWindow of them
}

// issued is a session as its client keeps it.
type issued struct {
	token, kid string
	expires    time.Time
}

// renewalsPerWindow is how many renewals a phone sends in a window: what the service allows.
const renewalsPerWindow = 2

// current returns the phone's session.
func (p *phone) current() issued {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.session
}

func (p *phone) keep(session issued) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.session = session
}

// mayRenew reports whether the phone may send a renewal at now, and counts it if so.
func (p *phone) mayRenew(now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.renewed) == renewalsPerWindow {
		// The answer may have come late: a window counts from there.
		if now.Sub(p.renewed[0]) < windowSeconds*time.Second+patience {
			return false
		}
		p.renewed = p.renewed[1:]
	}
	p.renewed = append(p.renewed, now)
	return true
}

// phones are the installations that have a session, the one that waits longest for its renewal
// first.
type phones struct {
	most int

	mu      sync.Mutex
	created int
	known   []*phone
}

// create returns a new installation, which is not among the phones yet.
func (p *phones) create() *phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created++
	n := p.created
	return &phone{id: fmt.Sprintf("%s%d", idMark, n),
		address: fmt.Sprintf("%s%d.%d", addressMark, n/250%256, 1+n%250)}
}

// add adds a phone that has got a session. Beyond the largest number, the oldest one is removed:
// its app is no longer used.
func (p *phones) add(one *phone) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = append(p.known, one)
	if len(p.known) > p.most {
		p.known = p.known[1:]
	}
}

// any returns a phone whose session lasts a while, or nil.
func (p *phones) any(now time.Time) *phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range 10 {
		if len(p.known) == 0 {
			break
		}
		one := p.known[rand.IntN(len(p.known))]
		if one.current().expires.Sub(now) > patience {
			return one
		}
	}
	return nil
}

// due removes and returns the phone that waits longest for its renewal, or nil if none may renew.
func (p *phones) due(now time.Time) *phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) == 0 || !p.known[0].mayRenew(now) {
		return nil
	}
	one := p.known[0]
	p.known = p.known[1:]
	return one
}

// parse returns the session in the body of a response.
func parse(body []byte, now time.Time) (issued, error) {
	var session struct {
		Token     string `json:"session_token"`
		ExpiresIn int    `json:"expires_in"`
	}
	if err := json.Unmarshal(body, &session); err != nil {
		return issued{}, err
	}
	first, _, _ := strings.Cut(session.Token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		return issued{}, err
	}
	var header struct{ Kid string }
	if err := json.Unmarshal(decoded, &header); err != nil {
		return issued{}, err
	}
	return issued{token: session.Token, kid: header.Kid,
		expires: now.Add(time.Duration(session.ExpiresIn) * time.Second)}, nil
}
