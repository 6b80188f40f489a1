// Package redis is the Redis protocol, RESP2 and RESP3, as the gateway takes
// part in it: PROTOCOL.md says what is parsed, masked, held and recorded, and
// what is not.
package redis
