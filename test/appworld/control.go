package appworld

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/offload/sessiond/adapters/http/envelope"
)

// Control is the HTTP interface to worlds, for tests in other languages:
//
//	POST   /worlds            {"env":{…}}: starts a world, and answers with its URLs
//	POST   /worlds/1/advance  {"seconds":80}: moves the clock
//	POST   /worlds/1/answers  {"sessions":[…],"application":[…]}: queues substitutes
//	POST   /worlds/1/release  lets every request go on that is held
//	GET    /worlds/1/seen     what happened so far
//	DELETE /worlds/1          ends the world
//
// A request that is not understood gets 400 or 404 and a reason in plain text.
type Control struct {
	mux *http.ServeMux

	mu     sync.Mutex
	worlds map[string]*World
	made   int
}

// NewControl returns a Control without worlds.
func NewControl() *Control {
	c := &Control{mux: http.NewServeMux(), worlds: map[string]*World{}}
	c.mux.HandleFunc("POST /worlds", c.create)
	for pattern, serve := range map[string]func(*World, *http.Request) (any, error){
		"POST /worlds/{world}/advance": advance,
		"POST /worlds/{world}/answers": answers,
		"POST /worlds/{world}/release": func(w *World, _ *http.Request) (any, error) {
			w.Release()
			return nil, nil
		},
		"GET /worlds/{world}/seen": func(w *World, _ *http.Request) (any, error) {
			return w.Seen(), nil
		},
		"DELETE /worlds/{world}": func(w *World, r *http.Request) (any, error) {
			c.mu.Lock()
			delete(c.worlds, r.PathValue("world"))
			c.mu.Unlock()
			return nil, w.Close()
		},
	} {
		c.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c.mu.Lock()
			world := c.worlds[r.PathValue("world")]
			c.mu.Unlock()
			if world == nil {
				http.Error(w, "no such world", http.StatusNotFound)
				return
			}
			result, err := serve(world, r)
			respond(w, result, err)
		})
	}
	return c
}

// ServeHTTP implements http.Handler.
func (c *Control) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.mux.ServeHTTP(w, r) }

// Close ends all worlds.
func (c *Control) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var all []error
	for _, world := range c.worlds {
		all = append(all, world.Close())
	}
	c.worlds = map[string]*World{}
	return errors.Join(all...)
}

func (c *Control) create(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Env map[string]string `json:"env"`
	}
	if err := decode(r, &given); err != nil {
		respond(w, nil, err)
		return
	}
	world, err := New(given.Env)
	if err != nil {
		respond(w, nil, err)
		return
	}
	c.mu.Lock()
	c.made++
	id := strconv.Itoa(c.made)
	c.worlds[id] = world
	c.mu.Unlock()
	respond(w, map[string]any{"sessions": world.Sessions, "application": world.Application,
		"control": "http://" + r.Host + "/worlds/" + id, "now": world.Now().Unix()}, nil)
}

func advance(w *World, r *http.Request) (any, error) {
	var given struct {
		Seconds float64 `json:"seconds"`
	}
	err := decode(r, &given)
	if err == nil {
		w.Advance(time.Duration(given.Seconds * float64(time.Second)))
	}
	return nil, err
}

func answers(w *World, r *http.Request) (any, error) {
	var given struct {
		Sessions    []Answer `json:"sessions"`
		Application []Answer `json:"application"`
	}
	err := decode(r, &given)
	if err == nil {
		w.Answer(given.Sessions, given.Application)
	}
	return nil, err
}

func decode(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// respond answers with a result in JSON, {} if it is nil, or with an error.
func respond(w http.ResponseWriter, result any, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if result == nil {
		result = struct{}{}
	}
	envelope.WriteJSON(w, http.StatusOK, result)
}
