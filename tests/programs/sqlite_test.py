#!/usr/bin/env python3
"""sqlite3: a thousand transactions, two writers at once, with a rollback journal and with a write-ahead log."""
from programs import main, programs, transcript

FILES = {
    "root/fill": """
        echo "pragma journal_mode=$1; create table t(a integer primary key, b text);"
        for ((i = 0; i < 1000; i++)); do echo "begin; insert into t(b) values('row $i'); commit;"; done
        echo "begin; delete from t; rollback; select count(*), sum(a) from t; pragma integrity_check;"
    """,
    "root/add": """
        for ((i = 0; i < 200; i++)); do echo ".timeout 100000"; echo "insert into t(b) values('$1 $i');"; done
    """,
}


def transactions(mode):
    with programs("coreutils", "sqlite3", files=FILES) as vm:
        transcript(vm, f"""
            $ cd /tmp; bash /root/fill {mode} | sqlite3 db
            {mode}
            1000|500500
            ok
            $ for w in p q; do bash /root/add $w | sqlite3 db & writers+=" $!"; done; for w in $writers; do wait $w || echo $?; done
            $ sqlite3 db 'pragma integrity_check; select substr(b, 1, 1) as w, count(*) from t group by w order by w'
            ok
            p|200
            q|200
            r|1000
            $ sqlite3 db 'begin exclusive' '.shell sqlite3 db "insert into t(b) values(1)"' 2>&1 | head -n 1
            /.*database is locked.*/
            $ sqlite3 db .dump | sqlite3 copy; sqlite3 copy 'select count(*) from t'; ls
            1400
            copy  db
            """)


def test_rollback_journal():
    transactions("delete")


def test_write_ahead_log():
    transactions("wal")


main()
