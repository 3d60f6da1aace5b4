package sessionclient

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// ErrKeyMode reports a file with a key that others than its owner may read or write. If no other
// has, set its mode to 0600; otherwise remove it, so that another key is made.
var ErrKeyMode = errors.New("sessionclient: others may read or write the file of the key " +
	"(set its mode to 0600, or remove it)")

// othersMode are the permissions of others than the owner of a file.
const othersMode = 0o077

// pemType is the type of a PEM block with a private key (RFC 7468 §10).
const pemType = "PRIVATE KEY"

// FileKey is a Key in a file that only its owner may read: in PKCS #8, as PEM. Processes may share
// it. A file beside it, with .lock at the end of its name, holds a lock while the key is made, as
// with FileStorage.
//
// A file that cannot be used is an error, and stays as it is: a key is not replaced without need,
// because whatever belongs to the installation would be lost with it. Forget, and so
// Client.SignOut, removes it.
type FileKey struct {
	file *FileStorage

	mu     sync.Mutex
	text   string // that signer was parsed from
	signer crypto.Signer
}

// NewFileKey returns a FileKey in the file at path. The file, and the folder that it is in, are
// created with the first use, with a P-256 key. A later change of the working folder has no effect.
func NewFileKey(path string) *FileKey { return &FileKey{file: NewFileStorage(path)} }

// Signer implements Key. The error is ErrKey or ErrKeyMode, or that of the file.
func (k *FileKey) Signer(ctx context.Context) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text, err := k.read()
	if err == nil && text == "" {
		text, err = k.create(ctx)
	}
	if err != nil {
		return nil, err
	}
	if text != k.text || k.signer == nil {
		signer, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, k.file.path)
		}
		k.text, k.signer = text, signer
	}
	return k.signer, nil
}

// Forget implements Key.
func (k *FileKey) Forget(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.text, k.signer = "", nil
	return k.file.Save(ctx, "")
}

// Format implements fmt.Formatter. It does not print the key, which is secret.
func (k *FileKey) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, "device key") }

// read returns the text of the file, or an empty text if there is none.
func (k *FileKey) read() (string, error) {
	return readRegular(k.file.path, func(info fs.FileInfo) error {
		if modesCount && info.Mode()&othersMode != 0 {
			return fmt.Errorf("%w: %s", ErrKeyMode, k.file.path)
		}
		return nil
	})
}

// create makes a key, unless another process has done so, and returns the text of the file. Without
// the lock, each of two processes may make one at the same time; both then use the later one.
func (k *FileKey) create(ctx context.Context) (string, error) {
	if unlock, err := k.file.Lock(ctx); err == nil {
		defer unlock()
	}
	if text, err := k.read(); err != nil || text != "" {
		return text, err
	}
	if err := ctx.Err(); err != nil {
		return "", err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: encoded}))
	if err := k.file.Save(ctx, text); err != nil {
		return "", err
	}
	if text, err = k.read(); err == nil && text == "" {
		err = errLost // each use would make another key, and need another session
	}
	return text, err
}

// parseKey returns the key in the text of a file.
func parseKey(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || block.Type != pemType {
		return nil, ErrKey
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, ErrKey // the parser's error could show a part of the key
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, ErrKey
	}
	_, err = newDevice(signer)
	return signer, err
}
