package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

const (
	// program is where the binary is, in a folder of the PATH.
	program = "usr/local/bin/sessiond"
	// certificates is where Go looks for the certificates of public authorities. The service needs
	// them for Redis over TLS (rediss://) unless it is given a file of its own.
	certificates = "etc/ssl/certs/ca-certificates.crt"
	// user is no account of any host, and not root. Numbers, because there is no /etc/passwd, and
	// because Kubernetes cannot tell whether a name is root.
	user = "65532:65532"
)

// epoch is the time of everything in an image, so that an image depends on its content alone.
var epoch = time.Unix(0, 0).UTC()

// newImage returns the image of a binary for a platform. The certificates have a layer of their
// own, which images of several versions share.
func newImage(binary string, platform v1.Platform, version string) (v1.Image, error) {
	content, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1),
		types.OCIConfigJSON)
	for _, one := range []struct {
		file    file
		comment string
	}{
		{file{certificates, 0o644, authorities()}, "certificates of public authorities"},
		{file{program, 0o755, content}, "sessiond " + version},
	} {
		layer, err := one.file.layer()
		if err != nil {
			return nil, err
		}
		image, err = mutate.Append(image, mutate.Addendum{Layer: layer,
			History:   v1.History{Created: v1.Time{Time: epoch}, CreatedBy: one.comment},
			MediaType: types.OCILayer})
		if err != nil {
			return nil, err
		}
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = platform.OS, platform.Architecture,
		v1.Time{Time: epoch}
	config.Config = settings(version)
	return mutate.ConfigFile(image, config)
}

// settings returns how an image runs. The Dockerfile says the same.
func settings(version string) v1.Config {
	return v1.Config{
		User:         user,
		Entrypoint:   []string{"/" + program},
		Env:          []string{"PATH=/" + path.Dir(program), "OFFLOAD_ENVIRONMENT=production"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/" + program, "health"},
			Interval: 10 * time.Second, Timeout: 5 * time.Second, StartPeriod: 15 * time.Second,
			Retries: 3},
		StopSignal: "SIGTERM",
		Labels: map[string]string{"org.opencontainers.image.title": "sessiond",
			"org.opencontainers.image.version": version},
	}
}

// file is a file of an image.
type file struct {
	path    string
	mode    int64
	content []byte
}

// layer returns a layer of the file and the folders above it. All of them belong to root.
func (f file) layer() (v1.Layer, error) {
	var packed bytes.Buffer
	archive := tar.NewWriter(&packed)
	folders := strings.Split(path.Dir(f.path), "/")
	for i := range folders {
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Mode: 0o755,
			Name: strings.Join(folders[:i+1], "/") + "/", ModTime: epoch}); err != nil {
			return nil, err
		}
	}
	if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Mode: f.mode, Name: f.path,
		Size: int64(len(f.content)), ModTime: epoch}); err != nil {
		return nil, err
	}
	if _, err := archive.Write(f.content); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("close the archive: %w", err)
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(packed.Bytes())), nil
	}, tarball.WithMediaType(types.OCILayer))
}
