package redis

// maxName is the length of the longest command name that the ledger knows.
const maxName = len(masterAddress)

// The commands whose replies the ledger checks for more than their arrival.
const (
	role          = "ROLE"
	ping          = "PING"
	subscribe     = "SUBSCRIBE"
	unsubscribe   = "UNSUBSCRIBE"
	sentinel      = "SENTINEL"
	masterAddress = "SENTINEL GET-MASTER-ADDR-BY-NAME"
)

// commands counts the commands that rueidis writes, as arrays of strings, however they are split
// into writes.
type commands struct {
	kind   byte // of the line: array or bulkString
	number int
	count  int // arguments of the command
	ended  int // complete arguments
	body   int // remaining bytes of the argument, with its line end
	name   [maxName]byte
	named  int
	// left reports that the previous command was unsubscribe: rueidis sends a PING after it, and
	// takes its PONG for the reply.
	left bool
}

// follow reads on, and enters each complete command in the ledger.
func (c *commands) follow(text []byte, ledger *ledger) {
	for at := 0; at < len(text); {
		if c.body > 0 {
			n := min(c.body, len(text)-at)
			c.call(text[at : at+min(n, max(0, c.body-2))])
			c.body -= n
			at += n
			if c.body == 0 {
				c.end(ledger)
			}
			continue
		}
		switch b := text[at]; b {
		case array, bulkString:
			c.kind, c.number = b, 0
		case '\r':
		case '\n':
			if c.kind == array {
				c.count, c.ended, c.named = c.number, 0, 0
			} else {
				c.body = c.number + len("\r\n")
			}
		default:
			c.number = c.number*10 + int(b-'0')
		}
		at++
	}
}

// call adds to the name: the first argument, and the second if the first names only the family of
// the command. Nothing is kept of other arguments, which include passwords.
func (c *commands) call(text []byte) {
	if c.ended == 0 || c.ended == 1 && string(c.name[:min(c.named, len(sentinel)+1)]) == sentinel+
		" " {
		c.named += copy(c.name[c.named:], text)
	}
}

// end ends an argument.
func (c *commands) end(ledger *ledger) {
	if c.ended++; c.ended < c.count {
		if c.ended == 1 && string(c.name[:c.named]) == sentinel {
			c.named += copy(c.name[c.named:], " ")
		}
		return
	}
	left := c.left
	c.left = false
	switch name := string(c.name[:c.named]); {
	case name == role:
		ledger.askFor(expectation{least: 1})
	case name == masterAddress:
		ledger.askFor(expectation{least: 2})
	case name == subscribe:
		ledger.askFor(expectation{channels: c.count - 1})
	case name == unsubscribe:
		c.left = true // only push messages confirm it
	case name == ping && left:
		ledger.askFor(expectation{pong: true})
	default:
		ledger.ask()
	}
}
