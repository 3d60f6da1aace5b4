// Command serve runs worlds for tests in other languages. It prints one line of JSON with the URL
// of its control interface, which appworld.Control describes, and ends when its standard input
// closes, so that it never outlives the test that started it.
package main

import (
	"encoding/json"
	"io"
	"log"
	"net/http/httptest"
	"os"

	"github.com/offload/sessiond/test/appworld"
)

func main() {
	control := appworld.NewControl()
	server := httptest.NewServer(control)
	err := json.NewEncoder(os.Stdout).Encode(map[string]string{"control": server.URL})
	if err == nil {
		_, err = io.Copy(io.Discard, os.Stdin)
	}
	server.Close()
	if closed := control.Close(); err == nil {
		err = closed
	}
	if err != nil {
		log.Fatal(err)
	}
}
