# shellcheck shell=sh
# keep: write down the folder and the exported variables with which a command ends, as `sh` that
# sets them. The next command of the same shell begins with these.
#
# It lies in the job's folder and runs from the EXIT trap of the command's own shell, as a child of
# it, so whatever that exports is here. Its arguments are the session's folder, the name of the shell,
# the names of what each command is given anew and its shell does not keep, and those of the secrets
# among them. It leaves `after`, the new state, and `cwd`; they are whole once `kept` is there.
#
# Where it is sent its variables begin with `dtk_`, because all others may be the command's.

# is_kept NAME: it can be a variable, and is neither ours nor the shell's own.
is_kept() {
    case $1 in
    *[!A-Za-z0-9_]* | [0-9]* | dtk_* | DAYTONA_TOOLKIT_*) return 1 ;;
    _ | SHLVL | PPID | UID | EUID | SHELLOPTS | BASHOPTS | BASH_*) return 1 ;;
    esac
}

# quote_value: $_value as it stands between quotes. It is split at its own: to cut off one part after
# the other takes dash a time that grows with the square of their lengths, half a minute for 100 KB.
quote_value() {
    IFS=\'
    # shellcheck disable=SC2086 # the dot keeps a quote at the end
    set -- $_value.
    unset IFS
    _value=$(printf "%s'\\\\''" "$@") && _value=${_value%.*}
}

# write_state SECRET...: what went, and what is there, without the values of secrets.
write_state() {
    for _name in $_begun; do
        is_kept "$_name" || continue
        eval "[ -n \"\${$_name+x}\" ]" || echo "unset $_name" || return
    done
    # A newline in a value must not look like another variable.
    for _name in $(PATH=$_path && env -0 | tr '\n\0' ' \n' | cut -d= -f1); do
        is_kept "$_name" || continue
        eval "_value=\${$_name-}"
        for _secret; do
            case $_value in *"$_secret"*) continue 2 ;; esac
        done
        case $_value in *\'*) quote_value || return ;; esac
        printf "export %s='%s'\n" "$_name" "$_value" || return
    done
}

set -f
_job=${0%.*} _state=$1/shell.$2 _given=$3 _hidden=$4
{
    read -r _begun
    IFS= read -r _path
} <"$1/exported" || exit
set --
for _name in $_hidden; do
    eval "set -- \"\$@\" \"\${$_name:-/unset/}\""
done
# What is given to one command hides what its shell has of that name.
for _name in $_given; do
    unset "$_name"
    _value=$(
        # shellcheck disable=SC1090 # it is made at run time
        . "$_state"
        eval "printf '%s.' \"\${$_name?}\""
    ) && export "$_name=${_value%.}"
done
# A shell that begins in a folder that was removed does not know its name.
export PWD="${dtk_pwd:-$PWD}"
write_state "$@" >"$_job.after" &&
    printf %s "$PWD" >"$_job.cwd" &&
    true >"$_job.kept"
