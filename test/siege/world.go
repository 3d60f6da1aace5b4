package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/offload/sessiond/test/harness/parts"
)

// world is what services need besides the binary: files and a Redis server.
type world struct {
	folder string
	redis  *exec.Cmd
	url    string
}

func newWorld() (*world, error) {
	folder, err := os.MkdirTemp("", "sessiond-siege-")
	return &world{folder: folder}, err
}

func (w *world) remove() {
	if w.redis != nil {
		_ = w.redis.Process.Kill()
		_ = w.redis.Wait()
	}
	_ = os.RemoveAll(w.folder)
}

// environment returns the environment of a service for the shape.
func (w *world) environment(s shape) ([]string, error) {
	env := append([]string(nil), s.env...)
	if s.tls {
		certificate, key, err := w.certificate()
		if err != nil {
			return nil, err
		}
		env = append(env, "OFFLOAD_TLS_CERT_FILE="+certificate, "OFFLOAD_TLS_KEY_FILE="+key)
	}
	if s.keys > 0 {
		file, err := w.keyset(s.keys, s.signFrom)
		if err != nil {
			return nil, err
		}
		env = append(env, "OFFLOAD_SESSION_KEYSET_FILE="+file)
	}
	if s.redis {
		if err := w.startRedis(); err != nil {
			return nil, err
		}
		env = append(env, "OFFLOAD_LIMITER_STORAGE=redis", "OFFLOAD_REDIS_URL="+w.url)
	}
	return env, nil
}

// certificate writes a certificate and its key.
func (w *world) certificate() (certificate, key string, err error) {
	certificate, key = filepath.Join(w.folder, "tls.crt"), filepath.Join(w.folder, "tls.key")
	if _, err := os.Stat(key); err == nil {
		return certificate, key, nil
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject: pkix.Name{CommonName: "siege"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	signed, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(),
		private)
	if err != nil {
		return "", "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", err
	}
	return certificate, key, errors.Join(writePEM(certificate, "CERTIFICATE", signed),
		writePEM(key, "PRIVATE KEY", encoded))
}

func writePEM(file, kind string, content []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

// keyset writes a keyset of so many EdDSA keys. All sign from the same instant.
func (w *world) keyset(count int, signFrom time.Time) (string, error) {
	keys := make([]string, 0, count)
	for n := range count {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return "", err
		}
		keys = append(keys, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig",`+
			`"kid":"ed-%d","x":%q,"d":%q,"sign_from":%q}`, n,
			base64.RawURLEncoding.EncodeToString(public),
			base64.RawURLEncoding.EncodeToString(private.Seed()),
			signFrom.UTC().Format(time.RFC3339)))
	}
	file := filepath.Join(w.folder, "keyset.json")
	return file, os.WriteFile(file, []byte(`{"keys":[`+strings.Join(keys, ",\n")+"]}"), 0o600)
}

// redisWithin is how long Redis may take to start; only a hang reaches it.
const redisWithin = 60 * time.Second

// startRedis starts a Redis server, unless it runs.
func (w *world) startRedis() error {
	if w.redis != nil {
		return nil
	}
	program, libraries, err := parts.Find("redis", "redis-server")
	if err != nil {
		return err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	_ = free.Close()
	_, port, _ := net.SplitHostPort(address)
	w.redis = exec.Command(program, "--bind", "127.0.0.1", "--port", port, "--save", "",
		"--dir", w.folder)
	w.redis.Env = append(os.Environ(), libraries...)
	if err := w.redis.Start(); err != nil {
		w.redis = nil
		return err
	}
	w.url = "redis://" + address
	for end := time.Now().Add(redisWithin); time.Now().Before(end); {
		if conn, err := net.DialTimeout("tcp", address, redisWithin); err == nil {
			return conn.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return fmt.Errorf("redis-server did not listen on %s", address)
}
