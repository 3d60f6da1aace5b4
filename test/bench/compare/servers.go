package main

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// patience is how long the rig waits for a server.
const patience = 30 * time.Second

// build builds the binary as make build does.
func build(to string) error {
	command := exec.Command("go", "build", "-trimpath", "-o", to, "./cmd/sessiond")
	command.Dir = "../.."
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stderr = os.Stderr
	return command.Run()
}

// running is a server in a process of its own.
type running struct {
	*exec.Cmd
	public, ops string // host:port
}

func (r *running) stop() {
	_ = r.Process.Kill()
	_ = r.Wait()
}

// startService starts sessiond with more variables, and returns when it listens.
func startService(binary string, variables ...string) (*running, error) {
	r := &running{Cmd: exec.Command(binary)}
	r.Env = append([]string{"OFFLOAD_ENVIRONMENT=development", "OFFLOAD_HTTP_ADDR=127.0.0.1:0",
		"OFFLOAD_OPS_ADDR=127.0.0.1:0"}, variables...)
	log, err := r.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := r.Start(); err != nil {
		return nil, err
	}
	late := time.AfterFunc(patience, func() { _ = r.Process.Kill() }) // ends the log
	defer late.Stop()
	lines := bufio.NewScanner(log)
	var all strings.Builder
	for lines.Scan() {
		all.Write(append(lines.Bytes(), '\n'))
		var line struct{ Event, Public, Operations string }
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Event == "service_started" {
			r.public, r.ops = line.Public, line.Operations
			go func() { _, _ = io.Copy(io.Discard, log) }()
			return r, nil
		}
	}
	r.stop()
	return nil, errors.New("the service did not start:\n" + all.String())
}

// startBare starts the bare server in another process of this program.
func startBare(certificate, key string) (*running, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := listener.Addr().String()
	_ = listener.Close()
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	r := &running{Cmd: exec.Command(self, "-bare", address, "-certificate", certificate, "-key",
		key), public: address}
	r.Stderr = os.Stderr
	if err := r.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return r, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	r.stop()
	return nil, errors.New("the bare server did not start")
}

// pair is both servers, and a token of the service.
type pair struct {
	own, bare, token string // URLs without a path
	stop             func()
}

// startPair starts both servers, with a certificate if one is given, and the service with
// variables.
func startPair(binary, certificate, key string, variables []string) (*pair, error) {
	scheme := "http://"
	variables = append(variables, "OFFLOAD_LIMITER_MAX_SUBJECTS=4000000")
	if certificate != "" {
		scheme = "https://"
		variables = append(variables, "OFFLOAD_TLS_CERT_FILE="+certificate,
			"OFFLOAD_TLS_KEY_FILE="+key)
	}
	own, err := startService(binary, variables...)
	if err != nil {
		return nil, err
	}
	bare, err := startBare(certificate, key)
	if err != nil {
		own.stop()
		return nil, err
	}
	p := &pair{own: scheme + own.public, bare: scheme + bare.public,
		stop: func() { own.stop(); bare.stop() }}
	p.token, err = issue(p.own)
	if err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// client trusts the certificate that the rig made.
var client = &http.Client{Timeout: patience, Transport: &http.Transport{
	TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// issue returns a session of the service.
func issue(base string) (string, error) {
	answer, err := client.Post(base+"/v1/sessions/anonymous", "application/json", strings.NewReader(
		`{"install_id":"install-of-rig","app_version":"1.0","platform":"ios"}`))
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var session struct {
		Token string `json:"session_token"`
	}
	return session.Token, json.NewDecoder(answer.Body).Decode(&session)
}

// writeCertificate writes a self-signed pair for 127.0.0.1.
func writeCertificate(certificate, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
			0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
}

// resident returns the resident memory of a process in MiB.
func resident(pid int) (float64, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kibibytes, err := strconv.Atoi(strings.Fields(rest)[0])
			return float64(kibibytes) / 1024, err
		}
	}
	return 0, fmt.Errorf("process %d has no VmRSS", pid)
}
