# shellcheck shell=sh
# What commands of one shell pass on to each other: a folder and exported variables. They are a
# file, so a shell costs no process and no request, and no command waits for another.
#
#   shell.NAME   in the session's folder: the state, as keep.sh writes it
#   exported     the names of what is exported without any state, and a PATH
#   stood        in the job's folder: where the shell stood when the command began
#   astray       the folder where it stood, which is no more
#   cwd          where the command has ended
#   handed       what the command has left is the state now
#
# In: _NAMED (the shell; or empty); _STAY (yes: begin where the shell stands, else in _CWD);
#     _ROOT (where a new shell stands); _KEEP (the text of keep.sh), _TRAP (words: its path and its
#     arguments); _ENV (NAME=value words).

# stand: go where the shell stands.
stand() {
    _stands=$_ROOT
    if [ -e "$_SESSION/shell.$_NAMED" ]; then
        # The dot keeps newlines that end a name from being trimmed.
        # shellcheck disable=SC1090 # it is made at run time
        _stands=$(. "$_SESSION/shell.$_NAMED" && printf %s. "$PWD")
        _stands=${_stands%.}
    fi
    if [ -n "$_STAY" ] && ! cd -- "$_stands"; then
        printf %s "$_stands" >"$_job.astray"
        _stands=$_ROOT
    fi
    printf %s "$_stands" >"$_job.stood" && printf %s "$_KEEP" >"$_job.keep"
}

# list_exported: once for all commands of a session, what is exported without any state. With a PATH
# of tools that are not the command's.
list_exported() {
    [ ! -e "$_SESSION/exported" ] || return 0
    (
        set -- "$PATH"
        eval "command export $_ENV DAYTONA_TOOLKIT_JOB 2>/dev/null"
        PATH=$1
        env -0 | tr '\n\0' ' \n' | cut -d= -f1 | tr '\n' ' '
        printf '\n%s\n' "$1"
    ) >"$_job.exported" && mv "$_job.exported" "$_SESSION/exported"
}

# hand_on CODE: what the command has left becomes the state, unless it was ended by a signal.
hand_on() {
    [ -e "$_job.kept" ] && is_file after || return 0
    [ ! -e "$_job.killed" ] && [ ! -e "$_job.expired" ] || return 0
    [ "$1" -le 128 ] || [ "$1" -gt 192 ] || return 0
    mv "$_job.after" "$_SESSION/shell.$_NAMED" && note handed
}
