// Command image builds container images of sessiond from its binaries alone: nothing is pulled, and
// the same binaries give the same images, bit for bit.
//
//	image -version 1.2.3 -out FOLDER amd64=PATH arm64=PATH
//	image -roots FILE
//
// The first form writes an OCI layout with all platforms (FOLDER/oci), and an archive for docker
// load for each (FOLDER/sessiond-linux-ARCH.tar). The second writes only the certificates of the
// public authorities that an image has, for a Dockerfile.
//
// It is a module of its own, so that its libraries stay out of the service's go.mod.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// refName is the annotation that names an image in an OCI layout.
const refName = "org.opencontainers.image.ref.name"

func main() {
	version := flag.String("version", "dev", "version of the binaries")
	out := flag.String("out", "", "folder to write the images to")
	roots := flag.String("roots", "", "file to write the certificates of the authorities to")
	flag.Parse()
	var err error
	if *roots != "" {
		err = os.WriteFile(*roots, authorities(), 0o644)
	} else {
		err = build(*out, *version, flag.Args())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// build writes the images of binaries, each given as ARCHITECTURE=PATH, to the folder out.
func build(out, version string, binaries []string) error {
	if out == "" || len(binaries) == 0 {
		return errors.New("usage: image -version VERSION -out FOLDER with one or more ARCHITECTURE=PATH")
	}
	tag, err := name.NewTag("sessiond:" + asTag(version))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	index := v1.ImageIndex(empty.Index)
	for _, binary := range binaries {
		architecture, path, _ := strings.Cut(binary, "=")
		platform := v1.Platform{OS: "linux", Architecture: architecture}
		image, err := newImage(path, platform, version)
		if err != nil {
			return fmt.Errorf("%s: %w", binary, err)
		}
		archive := filepath.Join(out, "sessiond-linux-"+architecture+".tar")
		if err := tarball.WriteToFile(archive, tag, image); err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: image,
			Descriptor: v1.Descriptor{Platform: &platform}})
	}
	return writeLayout(filepath.Join(out, "oci"), index, asTag(version))
}

// writeLayout writes an OCI layout that holds index under a name. It replaces an earlier layout,
// which would keep its blobs otherwise.
func writeLayout(folder string, index v1.ImageIndex, named string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendIndex(index, layout.WithAnnotations(map[string]string{refName: named}))
}

// asTag returns version with the characters that a tag may not have replaced.
func asTag(version string) string { return strings.ReplaceAll(version, "+", "_") }
