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

// maxHeader is the maximum size in bytes of an answer's headers, for the package's own client.
const maxHeader = 1 << 16

// userAgent is sent with each read: some firewalls refuse requests without a name, or with that of
// a library.
const userAgent = "sessionauth-go"

// RefreshReason states why a read of the keys failed, as one word for logs and metrics.
type RefreshReason string

// The reasons of a RefreshError.
const (
	// RefreshUnreachable means that the connection to the issuer failed or broke.
	RefreshUnreachable RefreshReason = "unreachable"
	// RefreshLate means that the answer was not complete in time.
	RefreshLate RefreshReason = "late"
	// RefreshCertificate means that the issuer's certificate is not valid.
	RefreshCertificate RefreshReason = "certificate"
	// RefreshStatus means that the status is not 200. This includes redirects.
	RefreshStatus RefreshReason = "status"
	// RefreshTooLarge means that the answer has more than keys.MaxSetBytes bytes.
	RefreshTooLarge RefreshReason = "too_large"
	// RefreshMalformed means that the answer is not a JWK Set, or that its keys conflict with each
	// other or with the additional keys.
	RefreshMalformed RefreshReason = "malformed"
	// RefreshNoKeys means that the first set has no usable key: an issuer that signs with HS256
	// publishes none. A later set without keys takes effect, because all keys may have been
	// revoked.
	RefreshNoKeys RefreshReason = "no_keys"
)

// RefreshError reports a read that failed and changed nothing. It holds no address, and nothing of
// the answer except its status.
type RefreshError struct {
	Reason RefreshReason
	// Status is the status of the answer if Reason is RefreshStatus, or else 0.
	Status int
}

// Error returns the reason, and the status if there is one.
func (e *RefreshError) Error() string {
	text := "sessionauth: cannot read the published keys: " + string(e.Reason)
	if e.Status != 0 {
		text += " " + strconv.Itoa(e.Status)
	}
	return text
}

// newClient returns a copy of given, or the package's own client if given is nil, that follows no
// redirect: the configuration alone determines where keys come from.
func newClient(given *http.Client) *http.Client {
	client := &http.Client{Transport: &http.Transport{
		Proxy: proxyFor, DisableKeepAlives: true, MaxResponseHeaderBytes: maxHeader,
	}}
	if given != nil {
		*client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}
	return client
}

// proxyFor returns the environment's proxy for https, which the proxy cannot read or change. It
// returns nil for http, where a proxy could insert its own keys.
func proxyFor(r *http.Request) (*url.URL, error) {
	if r.URL.Scheme != "https" {
		return nil, nil //nolint:nilnil // http.Transport takes this as no proxy.
	}
	return http.ProxyFromEnvironment(r)
}

// read fetches the published keys, puts them into force as those of the moment began, and returns
// how long they are fresh. If the error is not nil, it is a *RefreshError and nothing has changed.
func (j *JWKS) read(ctx context.Context, began moment) (fresh time.Duration, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, j.config.URL, nil)
	if err != nil {
		return 0, &RefreshError{Reason: RefreshUnreachable} // not reached: see checkURL
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	request.Header.Set("User-Agent", userAgent)
	if j.etag != "" {
		request.Header.Set("If-None-Match", j.etag)
	}
	answer, err := j.client.Do(request)
	if err != nil {
		return 0, refreshError(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode == http.StatusNotModified && j.etag != "":
		return j.keep(j.keyring(), began, answer.Header), nil
	case answer.StatusCode != http.StatusOK:
		return 0, &RefreshError{Reason: RefreshStatus, Status: answer.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, keys.MaxSetBytes+1))
	if err != nil {
		return 0, refreshError(ctx, err)
	}
	if len(body) > keys.MaxSetBytes {
		return 0, &RefreshError{Reason: RefreshTooLarge}
	}
	keyring, err := j.join(string(body))
	if err != nil {
		return 0, err
	}
	j.etag = answer.Header.Get("ETag")
	return j.keep(keyring, began, answer.Header), nil
}

// keep puts the keys of a good answer into force.
func (j *JWKS) keep(keyring *keys.Keyring, began moment, header http.Header) time.Duration {
	fresh := freshness(header)
	j.current.Store(&snapshot{keyring: keyring, complete: true, began: began, fresh: fresh})
	return fresh
}

// join returns a keyring of the keys in a published set and the additional keys.
func (j *JWKS) join(set string) (*keys.Keyring, error) {
	published, err := keys.ParsePublic(set)
	if faults, ok := errors.AsType[keys.Faults](err); ok && faults[0].Reason == keys.FaultNoKeys {
		if !j.current.Load().complete {
			return nil, &RefreshError{Reason: RefreshNoKeys}
		}
		return newKeyring(j.config.Additional)
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
	keyring, err := newKeyring(all)
	if err != nil {
		return nil, &RefreshError{Reason: RefreshMalformed}
	}
	return keyring, nil
}

// newKeyring returns a keyring of all. Unlike keys.NewKeyring it accepts no keys.
func newKeyring(all []keys.Key) (*keys.Keyring, error) {
	if len(all) == 0 {
		return &keys.Keyring{}, nil
	}
	return keys.NewKeyring(all...)
}

// refreshError classifies an error of the HTTP client. It drops its text, which names addresses.
func refreshError(ctx context.Context, err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() || ctx.Err() != nil {
		return &RefreshError{Reason: RefreshLate}
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return &RefreshError{Reason: RefreshCertificate}
	}
	return &RefreshError{Reason: RefreshUnreachable}
}

// freshness returns how long an answer stays fresh, within minRefresh and maxRefresh (RFC 9111
// §4.2: max-age, less the Age that a cache on the way reports).
func freshness(header http.Header) time.Duration {
	fresh := defaultRefresh
	for directive := range strings.SplitSeq(strings.Join(header.Values("Cache-Control"), ","),
		",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch strings.ToLower(name) {
		case "no-store", "no-cache":
			return minRefresh
		case "max-age":
			if age, ok := seconds(strings.Trim(value, `"`)); ok {
				fresh = age
			}
		}
	}
	if age, ok := seconds(header.Get("Age")); ok {
		fresh -= age
	}
	return min(max(fresh, minRefresh), maxRefresh)
}

// seconds parses delta-seconds (RFC 9111 §1.2.2), up to 68 years.
func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(text, 10, 31)
	return time.Duration(n) * time.Second, err == nil
}
