# shellcheck shell=sh
# What every program shares: the framed reply.
#
# stdout and stderr of a program arrive on one pipe, after any banner that the sandbox
# prints, and bytes that are not UTF-8 arrive damaged. So a reply stands between two marks
# that carry a nonce, and bytes travel as base64. A mark is never spelt out in the program,
# so a shell that echoes its input cannot forge one.
# In: _NONCE.

begin() { echo "@$_NONCE{"; }

end() {
    echo "@$_NONCE}"
    exit
}

# quit: something that we need was killed. A reply without its end has the request sent again.
quit() { exit 9; }

# was_killed MESSAGE: a tool that failed has said nothing, or the shell has said it for it.
was_killed() { case $1 in '' | Killed | *' Killed '*) ;; *) return 1 ;; esac }

put() { echo "$*"; }

# put_bytes NAME: standard input, as base64.
put_bytes() {
    echo "$1<"
    base64
    echo .
}

# put_why MESSAGE: why, as a tool said it.
put_why() { printf %s "$1" | head -c 500 | put_bytes why; }

# fail CODE: the operation is refused.
fail() {
    put fail "$1"
    end
}
