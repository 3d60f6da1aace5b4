package redis

import (
	"context"
	"strings"
	"sync/atomic"

	"github.com/offload/sessiond/adapters/system/follow"
	"github.com/offload/sessiond/ports"
)

// TLSWatch records when the files for TLS can no longer be used, and when they can be again, as
// events of ports.MaterialRedisTLS. It changes no connection: each new one reads the files itself.
type TLSWatch struct {
	files    TLSFiles
	reported atomic.Pointer[trust]
	follower *follow.Follower[*trust]
}

// WatchTLSFiles returns a watch of the URL's files for TLS, or nil if there are none. It records
// to events, between Start and Stop.
func (u URL) WatchTLSFiles(events ports.Events) *TLSWatch {
	w := &TLSWatch{files: u.dialer().files}
	var paths []string
	for _, path := range []string{w.files.CA, w.files.Certificate, w.files.Key} {
		if path != "" {
			paths = append(paths, path)
		}
	}
	if paths == nil {
		return nil
	}
	found, _ := w.files.read() // the first look reports what is wrong
	w.reported.Store(&found)
	w.follower = follow.New(follow.Target[*trust]{
		Paths: paths, Look: w.look, Current: w.reported.Load,
		Same:    func(a, b *trust) bool { return a.texts == b.texts },
		Replace: w.replace, Events: events, Material: ports.MaterialRedisTLS,
		// The files are replaced one after the other.
		Tolerance: follow.Interval,
	})
	return w
}

// Refresh requests a look at the files, at most once a second. It returns at once and is safe for
// concurrent use.
func (w *TLSWatch) Refresh() { w.follower.Request() }

// Start follows the files until Stop is called. The end of ctx does not stop it.
func (w *TLSWatch) Start(ctx context.Context) { w.follower.Start(ctx) }

// Stop ends what Start began.
func (w *TLSWatch) Stop() { w.follower.Stop() }

func (w *TLSWatch) look() (*trust, error) {
	found, faults := w.files.read()
	if faults != nil {
		return nil, tlsFaults(faults)
	}
	return &found, nil
}

func (w *TLSWatch) replace(found *trust) ports.Content {
	w.reported.Store(found)
	var content ports.RedisTLSContent
	if found.own != nil {
		content.Ends = found.own.Leaf.NotAfter.UTC()
	}
	return content
}

// tlsFaults lists every reason why the files cannot be used. It implements error.
type tlsFaults []TLSFault

// Error describes every fault.
func (f tlsFaults) Error() string {
	words := make([]string, 0, len(f))
	for _, fault := range f {
		words = append(words, fault.Error())
	}
	return strings.Join(words, "; ")
}
