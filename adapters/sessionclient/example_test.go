package sessionclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/offload/sessiond/adapters/sessionclient"
	"github.com/offload/sessiond/test/appworld"
)

// serve starts a service and an application that verifies its sessions.
func serve() *appworld.World {
	world, err := appworld.New(nil)
	if err != nil {
		panic(err)
	}
	return world
}

// An app sends its requests through an http.Client that obtains and renews the session. It starts
// again with the session in the file.
func Example() {
	world := serve()
	defer func() { _ = world.Close() }()
	folder, err := os.MkdirTemp("", "app")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	for _, run := range []string{"first run", "second run"} {
		client, err := sessionclient.New(sessionclient.Config{
			Sessions:    world.Sessions,              // https://sessions.example.com
			Application: []string{world.Application}, // https://api.example.com
			Storage:     sessionclient.NewFileStorage(filepath.Join(folder, "session")),
			AppVersion:  "1.4.2", Platform: "linux",
		})
		if err != nil {
			panic(err)
		}
		app := &http.Client{Transport: client.RoundTripper(nil)}
		answer, err := app.Post(world.Application+"/echo/orders", "text/plain",
			strings.NewReader(run))
		if err != nil {
			panic(err)
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		fmt.Println(run, answer.Status)
		app.CloseIdleConnections()
	}
	fmt.Println("sessions issued:", world.Seen().Issued)
	// Output:
	// first run 200 OK
	// second run 200 OK
	// sessions issued: 1
}

// Token is for protocols other than HTTP.
func ExampleClient_Token() {
	world := serve()
	defer func() { _ = world.Close() }()
	client, err := sessionclient.New(sessionclient.Config{Sessions: world.Sessions,
		AppVersion: "1.4.2", Platform: "linux"})
	if err != nil {
		panic(err)
	}
	token, err := client.Token(context.Background())
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.Count(token, "."), "dot")
	http.DefaultClient.CloseIdleConnections()
	// Output: 1 dot
}

// A session that is bound to a key is of no use to others. Credentials has the headers of a request
// that another library sends, such as one that opens a WebSocket.
func ExampleConfig_key() {
	world, err := appworld.New(map[string]string{"OFFLOAD_SESSION_BINDING": "accept"})
	if err != nil {
		panic(err)
	}
	defer func() { _ = world.Close() }()
	folder, err := os.MkdirTemp("", "app")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()

	client, err := sessionclient.New(sessionclient.Config{
		Sessions:    world.Sessions,              // https://sessions.example.com
		Application: []string{world.Application}, // https://api.example.com
		Storage:     sessionclient.NewFileStorage(filepath.Join(folder, "session")),
		Key:         sessionclient.NewFileKey(filepath.Join(folder, "key.pem")),
		AppVersion:  "1.4.2", Platform: "linux",
	})
	if err != nil {
		panic(err)
	}
	app := &http.Client{Transport: client.RoundTripper(nil)}
	answer, err := app.Get(world.Application + "/echo")
	if err != nil {
		panic(err)
	}
	_ = answer.Body.Close()
	fmt.Println(answer.Status)

	header, err := client.Credentials(context.Background(), "GET", world.Application+"/echo")
	if err != nil {
		panic(err)
	}
	scheme, _, _ := strings.Cut(header.Get("Authorization"), " ")
	fmt.Println(scheme, strings.Count(header.Get("DPoP"), "."), "dots")
	app.CloseIdleConnections()
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// 200 OK
	// DPoP 2 dots
}

// An Error says what the service did not accept, or how long it asks to wait.
func ExampleError() {
	world := serve()
	defer func() { _ = world.Close() }()
	client, err := sessionclient.New(sessionclient.Config{Sessions: world.Sessions,
		AppVersion: strings.Repeat("1", 33), Platform: "linux"})
	if err != nil {
		panic(err)
	}
	_, err = client.Token(context.Background())
	if failure, ok := errors.AsType[*sessionclient.Error](err); ok {
		fmt.Println(failure.Code, failure.Status)
		for _, detail := range failure.Details {
			fmt.Println(detail.Field, detail.Rule, detail.Min, detail.Max)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// validation_error 422
	// app_version length 1 32
}

// SignOut forgets the session: the next request gets one of a new installation.
func ExampleClient_SignOut() {
	world := serve()
	defer func() { _ = world.Close() }()
	client, err := sessionclient.New(sessionclient.Config{Sessions: world.Sessions,
		AppVersion: "1.4.2", Platform: "linux"})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	first, _ := client.Token(ctx)
	if err := client.SignOut(ctx); err != nil {
		log.Print("the session may still be stored: ", err)
	}
	second, _ := client.Token(ctx)
	fmt.Println(first == second)
	http.DefaultClient.CloseIdleConnections()
	// Output: false
}
