package redis

// maxName is the length of the longest name of a command with an expectation.
const maxName = len(masterAddress)

// The names of the commands that are distinguished, most of them because of an expectation.
const (
	role          = "ROLE"
	ping          = "PING"
	subscribe     = "SUBSCRIBE"
	unsubscribe   = "UNSUBSCRIBE"
	sentinel      = "SENTINEL"
	masterAddress = "SENTINEL GET-MASTER-ADDR-BY-NAME"
)

// commands parses the commands that rueidis writes, which are arrays of strings, however they are
// split into writes.
type commands struct {
	kind   byte // of the line: array or bulkString
	number int
	count  int // arguments of the command
	ended  int // arguments that are complete
	body   int // bytes of the argument still to come, with its line end
	name   [maxName]byte
	named  int
	// afterUnsubscribe means that the previous command was unsubscribe: rueidis sends PING after
	// it, and takes the PONG for its reply.
	afterUnsubscribe bool
}

// follow continues parsing, and enters each complete command in the ledger.
func (c *commands) follow(text []byte, ledger *ledger) {
	for at := 0; at < len(text); {
		if c.body > 0 {
			n := min(c.body, len(text)-at)
			c.appendName(text[at : at+min(n, max(0, c.body-2))])
			c.body -= n
			at += n
			if c.body == 0 {
				c.endArgument(ledger)
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

// appendName appends text to the name of the command: the first argument and, if that only names a
// family of commands, the second. Nothing is kept of other arguments, which may be passwords.
func (c *commands) appendName(text []byte) {
	if c.ended == 0 || c.ended == 1 &&
		string(c.name[:min(c.named, len(sentinel)+1)]) == sentinel+" " {
		c.named += copy(c.name[c.named:], text)
	}
}

// endArgument ends an argument and, if it was the last, enters the command in the ledger.
func (c *commands) endArgument(ledger *ledger) {
	if c.ended++; c.ended < c.count {
		if c.ended == 1 && string(c.name[:c.named]) == sentinel {
			c.named += copy(c.name[c.named:], " ")
		}
		return
	}
	afterUnsubscribe := c.afterUnsubscribe
	c.afterUnsubscribe = false
	switch name := string(c.name[:c.named]); {
	case name == role:
		ledger.expect(expectation{minValues: 1})
	case name == masterAddress:
		ledger.expect(expectation{minValues: 2})
	case name == subscribe:
		ledger.expect(expectation{channels: c.count - 1})
	case name == unsubscribe:
		c.afterUnsubscribe = true // only push messages confirm it
	case name == ping && afterUnsubscribe:
		ledger.expect(expectation{pong: true})
	default:
		ledger.add()
	}
}
