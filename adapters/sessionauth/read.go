package sessionauth

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offload/sessiond/domain/keys"
)

// maxHeader is the most bytes of an answer's headers that our own client reads.
const maxHeader = 1 << 16

// RefreshReason is why a reading of the keys failed, in a word for logs and metrics.
type RefreshReason string

// The reasons.
const (
	// RefreshUnreachable is an issuer that could not be asked, or broke off.
	RefreshUnreachable RefreshReason = "unreachable"
	// RefreshLate is an answer that was not whole in time.
	RefreshLate RefreshReason = "late"
	// RefreshCertificate is an issuer whose certificate does not stand.
	RefreshCertificate RefreshReason = "certificate"
	// RefreshStatus is any answer but 200; a redirect too.
	RefreshStatus RefreshReason = "status"
	// RefreshTooLarge is an answer of more than keys.MaxSet bytes.
	RefreshTooLarge RefreshReason = "too_large"
	// RefreshMalformed is no JWK Set, or one whose keys clash with each other or with those Beside.
	RefreshMalformed RefreshReason = "malformed"
	// RefreshNoKeys is a first set without a usable key: an issuer that signs with HS256 publishes none. Later such a set takes force: all keys were revoked.
	RefreshNoKeys RefreshReason = "no_keys"
)

// RefreshError is a reading that changed nothing. It holds no address and nothing of the answer but its status.
type RefreshError struct {
	Reason RefreshReason
	// Status is the answer's, where Reason is RefreshStatus; otherwise 0.
	Status int
}

// Error tells the reason, and the status.
func (e *RefreshError) Error() string {
	text := "sessionauth: the keys were not read: " + string(e.Reason)
	if e.Status != 0 {
		text += " " + strconv.Itoa(e.Status)
	}
	return text
}

// clientOf is a client that follows no redirect: where keys come from is the configuration's to say, and no answer's.
func clientOf(given *http.Client) *http.Client {
	client := &http.Client{Transport: &http.Transport{
		Proxy: proxyOf, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}}
	if given != nil {
		*client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	return client
}

// proxyOf is the environment's proxy for https, which goes through it unseen, and none for http: there a proxy could put in keys of its own.
func proxyOf(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil //nolint:nilnil // what http.Transport takes for none.
	}
	return http.ProxyFromEnvironment(r)
}

// read asks the issuer, puts what it published into force, and tells for how long that is fresh. It fails with a RefreshError; then nothing changed.
func (j *JWKS) read(ctx context.Context) (fresh time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, readWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.config.URL, nil)
	if err != nil {
		return 0, &RefreshError{Reason: RefreshUnreachable} // judgeURL lets none pass
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	if j.tag != "" {
		request.Header.Set("If-None-Match", j.tag)
	}
	answer, err := j.client.Do(request)
	if err != nil {
		return 0, reasonOf(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode == http.StatusNotModified && j.tag != "":
		return freshness(answer.Header), nil
	case answer.StatusCode != http.StatusOK:
		return 0, &RefreshError{Reason: RefreshStatus, Status: answer.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, keys.MaxSetBytes+1))
	if err != nil {
		return 0, reasonOf(ctx, err)
	}
	if len(body) > keys.MaxSetBytes {
		return 0, &RefreshError{Reason: RefreshTooLarge}
	}
	ring, err := j.join(string(body))
	if err != nil {
		return 0, err
	}
	j.now.Store(&inForce{ring: ring, whole: true})
	j.tag = answer.Header.Get("ETag")
	return freshness(answer.Header), nil
}

// join puts what a set publishes and the keys beside into one ring.
func (j *JWKS) join(set string) (*keys.Keyring, error) {
	published, err := keys.ParsePublic(set)
	if faults, ok := errors.AsType[keys.Faults](err); ok && faults[0].Reason == keys.FaultNoKeys {
		if !j.now.Load().whole {
			return nil, &RefreshError{Reason: RefreshNoKeys}
		}
		return ringOf(j.config.Additional)
	}
	if err != nil {
		return nil, &RefreshError{Reason: RefreshMalformed}
	}
	all := slices.Clone(j.config.Additional)
	for _, key := range published.Keys() {
		if !slices.ContainsFunc(j.config.Additional, func(own keys.Key) bool {
			return own.ID() == key.ID()
		}) {
			all = append(all, key)
		}
	}
	ring, err := ringOf(all)
	if err != nil {
		return nil, &RefreshError{Reason: RefreshMalformed}
	}
	return ring, nil
}

// ringOf is a ring that may be without any key.
func ringOf(all []keys.Key) (*keys.Keyring, error) {
	if len(all) == 0 {
		return &keys.Keyring{}, nil
	}
	return keys.NewKeyring(all...)
}

// reasonOf sorts what a client failed with. Its words are left out, for they name addresses.
func reasonOf(ctx context.Context, err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || ctx.Err() != nil {
		return &RefreshError{Reason: RefreshLate}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &RefreshError{Reason: RefreshCertificate}
	}
	return &RefreshError{Reason: RefreshUnreachable}
}

// freshness is for how long an answer may be kept (RFC 9111 §4.2: max-age, less the Age that a cache on the way tells), within our bounds.
func freshness(header http.Header) time.Duration {
	fresh := usualRefresh
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","),
		",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return leastRefresh
		case "max-age":
			if age, ok := seconds(strings.Trim(value, `"`)); ok {
				fresh = age
			}
		}
	}
	if age, ok := seconds(header.Get("Age")); ok {
		fresh -= age
	}
	return min(max(fresh, leastRefresh), mostRefresh)
}

// seconds reads delta-seconds (RFC 9111 §1.2.2), up to 68 years.
func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(n) * time.Second, err == nil
}
