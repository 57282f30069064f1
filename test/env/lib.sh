# shellcheck shell=bash
# Helpers shared by the scripts of the test environment. Sourced, never run. Linux, bash 4.4 or newer.
# shellcheck disable=SC2034

# Where its installer puts Go, for shells that have no profile.
PATH=$PATH:/usr/local/go/bin
TESTENV=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${MILLRACE_CACHE:-${HOME:-/root}/.cache/millrace}
# The Kafka of the tests, unless another one is asked for.
KAFKA_VERSION=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$TESTENV/kafka/pom.xml")
# Binaries likewise belong to the go.mod files they were built from.
KUBE_BIN=$CACHE/kube-$(cat "$TESTENV"/kube/*/go.mod | sha256sum | cut -c1-12)/bin

# The full cluster: one per machine, so its places and addresses are fixed.
CLUSTER_DATA=${MILLRACE_CLUSTER_DATA:-/var/lib/millrace-cluster}
CLUSTER_RUN=/run/millrace-cluster
CONTAINERD_SOCKET=$CLUSTER_RUN/containerd.sock
BRIDGE=millrace0
NODE_IP=10.244.0.1
POD_CIDR=10.244.0.0/16
SERVICE_CIDR=10.96.0.0/16
API_SERVICE_IP=10.96.0.1
DNS_SERVICE_IP=10.96.0.10
NODE_NAME=millrace-node

say() { printf '%(%T)T %s\n' -1 "$*" >&2 || true; } # whoever listened may be gone; what is being done must go on
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

# usage "$@": prints the comment at the top of the script when --help is asked for.
usage() {
  case "${1:-}" in -h | --help) sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;; esac
}

need() { "$TESTENV/need" "$@" || exit 1; }

need_kube() { # need_kube BINARY...: builds those that are not in the cache, and waits for no others.
  local binary
  for binary in "$@"; do [ -x "$KUBE_BIN/$binary" ] || { "$TESTENV/kube/build" "$@"; break; }; done
  PATH=$KUBE_BIN:$PATH
}

download() { # Sets JARS, the folder with the jars of KAFKA_VERSION, and fetches them, once. The lock keeps two starts apart; the rename keeps a broken-off one from being used.
  # They belong to the pom.xml they came from: another one, another folder.
  JARS=$CACHE/kafka-$KAFKA_VERSION-$(sha256sum <"$TESTENV/kafka/pom.xml" | cut -c1-12)
  [ ! -d "$JARS" ] || return 0
  need mvn flock
  mkdir -p "$CACHE"
  (
    flock 9
    [ ! -d "$JARS" ] || exit 0
    say "downloading the jars of Kafka $KAFKA_VERSION to $JARS"
    rm -rf "$JARS.part"
    mvn -q -B -f "$TESTENV/kafka/pom.xml" -Dkafka.version="$KAFKA_VERSION" dependency:copy-dependencies -DoutputDirectory="$JARS.part"
    mv "$JARS.part" "$JARS"
  ) 9>"$JARS.lock" || die 'the Kafka jars could not be downloaded; what Maven says stands above'
}

# share_classes: sets SHARED, arguments with which Java takes the classes of JARS from an archive, verified and laid out. It is made once, by a broker of
# its own, and belongs to the Java that made it.
share_classes() {
  local archive
  archive=$JARS-$(stat -Lc %Y "$(command -v java)").jsa
  if [ ! -f "$archive" ] && [ -z "${KAFKA_JAVA_OPTIONS:-}" ]; then
    (
      flock 9
      [ ! -f "$archive" ] || exit 0
      say "making $archive"
      data=$(mktemp -d)
      KAFKA_JAVA_OPTIONS=-XX:ArchiveClassesAtExit=$data/classes.jsa "$TESTENV/kafka-up" "$data" --version "$KAFKA_VERSION" --auth
      "$TESTENV/kafka-down" "$data" --keep
      mv "$data/classes.jsa" "$archive.part" && mv "$archive.part" "$archive"
      rm -rf "$data"
    ) 9>"$JARS.lock" || say 'without an archive of its classes Kafka starts slower'
  fi
  SHARED=(-Xshare:auto)
  [ ! -f "$archive" ] || SHARED+=("-XX:SharedArchiveFile=$archive")
}

LISTEN_ADDRESS=127.0.0.1
# Who picks a port leaves a folder of its number here, so that nobody else picks it before its server listens: test/support/free-ports.ts too.
CLAIMED_PORTS=${TMPDIR:-/tmp}/millrace-test-ports-$(id -u)
claim_port() { # Below the ports that systems hand out to outgoing connections, so a listener is all that can be there.
  mkdir "$CLAIMED_PORTS/$1" 2>/dev/null && ! (: <>"/dev/tcp/$LISTEN_ADDRESS/$1") 2>/dev/null
}

free_ports() { # free_ports VARIABLE [COUNT]: sets VARIABLE to the first of COUNT free ports in a row.
  local p i count=${2:-1}
  { mkdir -p "$CLAIMED_PORTS" && [ -w "$CLAIMED_PORTS" ]; } || die "$CLAIMED_PORTS cannot be written"
  find "$CLAIMED_PORTS" -mindepth 1 -mmin +240 -delete 2>/dev/null || true
  while :; do
    p=$((20000 + RANDOM % (12000 - count)))
    for ((i = 0; i < count; i++)); do claim_port $((p + i)) || continue 2; done
    printf -v "$1" %s "$p"
    return
  done
}

# wait_for SECONDS WHAT COMMAND...: repeats COMMAND until it succeeds. PROCESS=NAME before it: the end of that process ends the wait.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ -z "${PROCESS:-}" ] || alive "$PROCESS" || die "$PROCESS ended; its last words: $(tail -n 3 "$DATA/log/$PROCESS.log" | tr '\n' ' ')"
    [ "$SECONDS" -lt "$end" ] || die "gave up waiting for $what; logs are in ${DATA:-?}/log"
    sleep 0.1
  done
}

wait_started() { # wait_started SECONDS NAME TEXT: until the log of process NAME holds TEXT; a process that died ends the wait.
  local end=$((SECONDS + $1)) name=$2 log=$DATA/log/$2.log
  until grep -q "$3" "$log"; do
    alive "$name" || die "$name did not start; its last words: $(tail -n 3 "$log" | tr '\n' ' ')"
    [ "$SECONDS" -lt "$end" ] || die "gave up waiting for $name after $1 s; its log is $log"
    sleep 0.1
  done
}

# --- Processes: DATA/pid/NAME holds "pid start-time", so a recycled pid is never signalled. ---

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

start() { # start NAME COMMAND...: runs in the background, output in DATA/log/NAME.log
  local name=$1
  shift
  mkdir -p "$DATA/pid" "$DATA/log"
  setsid "$@" >>"$DATA/log/$name.log" 2>&1 </dev/null 9>&- &
  echo "$! $(start_time $!)" >"$DATA/pid/$name"
}

alive() { # alive NAME
  local pid since
  read -r pid since 2>/dev/null <"$DATA/pid/$1" && [ -n "$since" ] && [ "$(start_time "$pid")" = "$since" ] &&
    ! grep -qs '^State:.*Z' "/proc/$pid/status"
}

stop() { # stop NAME [SECONDS]: TERM, then KILL after SECONDS (default 10)
  local pid _ end=$((SECONDS + ${2:-10}))
  if alive "$1"; then
    read -r pid _ <"$DATA/pid/$1"
    kill "$pid" 2>/dev/null || true
    while alive "$1"; do
      [ "$SECONDS" -lt "$end" ] || { say "$1 ignores TERM; killing it"; kill -9 "$pid" 2>/dev/null || true; end=$((SECONDS + 10)); }
      sleep 0.05
    done
  fi
  rm -f "$DATA/pid/$1"
}

# --- Certificates (P-256, ten years, PKCS#8 keys) ---

make_ca() { # make_ca DIR/NAME COMMON_NAME
  [ -f "$1.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$2" \
    -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign -addext subjectKeyIdentifier=hash \
    -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

issue() { # issue CA DIR/NAME SUBJECT clientAuth|serverAuth[,..] [SUBJECT_ALT_NAMES]: unless it is there
  [ -f "$2.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "$3" -CA "$1.crt" -CAkey "$1.key" \
    -config <(printf '[req]\ndistinguished_name=dn\n[dn]\n') -addext basicConstraints=critical,CA:FALSE \
    -addext keyUsage=critical,digitalSignature -addext "extendedKeyUsage=$4" ${5:+-addext "subjectAltName=$5"} \
    -keyout "$2.key" -out "$2.crt" 2>/dev/null
}
