/* One single-shot PBFT instance of four members, of whom one lies. (DESIGN section 3; Castro & Liskov 1999, section 4)

   Messages are what has been signed: every member may act on any of it at any time or never, so loss, delay, duplication
   and reordering need no channels. The liar's signature stands under everything; a certificate needs two honest members
   more. An honest member keeps what Sources/Consensus persists; a restart takes the rest away: a view it entered without
   signing anything there, and a certificate it was shown.

   Compile with -DVIEWS=n -DLIAR=member, and one of the violations below to see the assertion fail:
   HIDES_CERTIFICATE  NOT_RECOMPUTED  LOWEST_CHOSEN  AMNESIA  VOTES_IN_OLD_VIEW  DECIDES_ON_PREPARES
   FORGETS_LOCK_AT_RESTART  UNVERIFIED_CERTIFICATE */

#ifndef VIEWS
#define VIEWS 3
#endif
#ifndef LIAR
#define LIAR 0
#endif
#define N 4
#define PRIMARY(v) ((v) % N)
#define AT(i, v) ((i) * VIEWS + (v))

/* A lock: 0 none, else 1 + 2 * view + (value - 1), for the values 1 and 2. NULL is a value like another here. */
#define LOCK(v, d) (1 + 2 * (v) + (d) - 1)
#define RANK(l) (((l) + 1) / 2)     /* one more than its view; 0 without one */
#define VALUE(l) ((((l) - 1) & 1) + 1)

byte prepare[N * VIEWS];   /* the value prepared, 0 none; durable */
bool commit[N * VIEWS];    /* to the value of prepare; durable */
byte asked[N * VIEWS];     /* view change: 0 none, else 1 + the lock it claims; durable */
byte durableLock[N];
byte lock[N];
byte view[N];
bool settled[N];            /* false while waiting for a new view */
byte newViewValue[VIEWS];  /* of an honest primary */
byte newViewLock[VIEWS];

#define HONEST(i) ((i) != LIAR)
#define SAME(i, v, d) (HONEST(i) && prepare[AT(i, v)] == (d))
#define BACKS(i, v, d) (SAME(i, v, d) && commit[AT(i, v)])
#define COUNT(p, v, d) (p(0, v, d) + p(1, v, d) + p(2, v, d) + p(3, v, d))
/* q = 3: the liar and two honest members. */
#define PREPARED(v, d) (COUNT(SAME, v, d) >= 2)
#ifdef DECIDES_ON_PREPARES
#define DECIDED(v, d) PREPARED(v, d)
#else
#define DECIDED(v, d) (COUNT(BACKS, v, d) >= 2)
#endif

byte i, other, v, c, d, claim, highest;

inline pick(x, bound) { x = 0; do :: x < (bound) - 1 -> x++ :: break od }

inline pickHonest(x) {
  if :: HONEST(0) -> x = 0 :: HONEST(1) -> x = 1 :: HONEST(2) -> x = 2 :: HONEST(3) -> x = 3 fi
}

inline checkAgreement() {
  c = 0;
  do
  :: c < VIEWS ->
     v = 0;
     do
     :: v < VIEWS -> assert(!(DECIDED(c, 1) && DECIDED(v, 2))); v++
     :: else -> break
     od;
     c++
  :: else -> break
  od
}

/* Prepares d in view v, shown that `l` was prepared. */
inline prepareIn(i, v, d, l) {
  view[i] = v;
  settled[i] = true;
  if :: RANK(l) > RANK(lock[i]) -> lock[i] = l :: else fi;
  if :: RANK(l) > RANK(durableLock[i]) -> durableLock[i] = l :: else fi;
  prepare[AT(i, v)] = d
}

#ifdef VOTES_IN_OLD_VIEW
#define IN_VIEW(i, v) (view[i] >= (v))
#else
#define IN_VIEW(i, v) (view[i] == (v) && settled[i])
#endif
#define CAN_FOLLOW(i, v) (prepare[AT(i, v)] == 0 && (view[i] < (v) || (view[i] == (v) && !settled[i])))

init {
  /* Symmetric: view 0 needs no new view. */
  d_step { i = 0; do :: i < N -> settled[i] = true; i++ :: else -> break od; i = 0 }

  do
  :: atomic {
       pickHonest(i);
       if
       /* View 0: the primary's value, or whatever a lying primary tells this member. */
       :: view[i] == 0 && prepare[AT(i, 0)] == 0 && (PRIMARY(0) == LIAR || PRIMARY(0) == i) ->
          pick(d, 2); d++; prepareIn(i, 0, d, 0)
       :: view[i] == 0 && prepare[AT(i, 0)] == 0 && HONEST(PRIMARY(0)) && prepare[AT(PRIMARY(0), 0)] != 0 ->
          d = prepare[AT(PRIMARY(0), 0)]; prepareIn(i, 0, d, 0)

       /* Commits what is prepared in its view. */
       :: pick(v, VIEWS);
          if
          :: IN_VIEW(i, v) && prepare[AT(i, v)] != 0 && !commit[AT(i, v)] && PREPARED(v, prepare[AT(i, v)]) ->
             commit[AT(i, v)] = true;
             if
             :: RANK(LOCK(v, prepare[AT(i, v)])) >= RANK(lock[i]) ->
                lock[i] = LOCK(v, prepare[AT(i, v)]); durableLock[i] = lock[i]
             :: else
             fi
          :: else
          fi;
          checkAgreement()

       /* Gives its view up, or joins others in a later one. */
       :: view[i] < VIEWS - 1 ->
          pick(v, VIEWS);
          if
          :: v > view[i] && asked[AT(i, v)] == 0 ->
#ifdef HIDES_CERTIFICATE
             asked[AT(i, v)] = 1;
#else
             asked[AT(i, v)] = 1 + lock[i];
#endif
             durableLock[i] = lock[i]; view[i] = v; settled[i] = false
          :: else
          fi

       /* Is shown a prepared certificate: by anybody's view change, at any time. */
       :: pick(c, VIEWS); pick(d, 2); d++;
          if
          :: PREPARED(c, d) && RANK(LOCK(c, d)) > RANK(lock[i]) ->
             lock[i] = LOCK(c, d);
             if :: c > view[i] -> view[i] = c; settled[i] = false :: else fi
          :: else
          fi

       /* Leads: cites itself, one other honest member and the liar. */
       :: view[i] > 0 && PRIMARY(view[i]) == i && !settled[i] && asked[AT(i, view[i])] != 0 && newViewValue[view[i]] == 0 ->
          pickHonest(other);
          v = view[i];
          if
          :: other != i && asked[AT(other, v)] != 0 && RANK(lock[i]) <= v ->
             claim = asked[AT(other, v)] - 1;
#ifdef LOWEST_CHOSEN
             if :: claim != 0 && (lock[i] == 0 || RANK(claim) < RANK(lock[i])) -> lock[i] = claim :: else fi;
#else
             if :: RANK(claim) > RANK(lock[i]) -> lock[i] = claim :: else fi;
#endif
             if :: lock[i] == 0 -> pick(d, 2); d++ :: else -> d = VALUE(lock[i]) fi;
             newViewValue[v] = d;
             newViewLock[v] = lock[i];
             prepareIn(i, v, d, newViewLock[v])
          :: else
          fi

       /* Follows an honest primary. */
       :: pick(v, VIEWS);
          if
          :: v > 0 && HONEST(PRIMARY(v)) && newViewValue[v] != 0 && CAN_FOLLOW(i, v) ->
             d = newViewValue[v]; prepareIn(i, v, d, newViewLock[v])
          :: else
          fi

       /* Follows the liar, which cites two honest members and itself, and hides what it can. */
       :: pick(v, VIEWS);
          if
          :: v > 0 && PRIMARY(v) == LIAR && CAN_FOLLOW(i, v) ->
             pickHonest(other); pickHonest(c);
             if
             :: other != c && asked[AT(other, v)] != 0 && asked[AT(c, v)] != 0 ->
                highest = RANK(asked[AT(other, v)] - 1);
                if :: RANK(asked[AT(c, v)] - 1) > highest -> highest = RANK(asked[AT(c, v)] - 1) :: else fi;
#ifdef NOT_RECOMPUTED
                highest = 0;
#endif
                pick(c, VIEWS); pick(d, 2); d++;
                if
                :: highest == 0 -> prepareIn(i, v, d, 0)
#ifdef UNVERIFIED_CERTIFICATE
                :: c < v && c + 1 >= highest -> claim = LOCK(c, d); prepareIn(i, v, d, claim)
#else
                :: c < v && c + 1 >= highest && PREPARED(c, d) -> claim = LOCK(c, d); prepareIn(i, v, d, claim)
#endif
                :: else
                fi
             :: else
             fi
          :: else
          fi

       /* Enters a later view by its new view, but crashes or waits before it signs there. */
       :: pick(v, VIEWS);
          if :: v > view[i] -> view[i] = v; settled[i] = false :: else fi

       /* Restarts with what is durable. */
       :: v = VIEWS - 1;
          do
          :: v > 0 && prepare[AT(i, v)] == 0 && asked[AT(i, v)] == 0 -> v--
          :: else -> break
          od;
          view[i] = v;
          settled[i] = (v == 0 || prepare[AT(i, v)] != 0);
          lock[i] = durableLock[i];
#ifdef FORGETS_LOCK_AT_RESTART
          lock[i] = 0; durableLock[i] = 0;
#endif
#ifdef AMNESIA
          view[i] = 0; settled[i] = true; lock[i] = 0; durableLock[i] = 0;
          v = 0;
          do :: v < VIEWS -> if :: !commit[AT(i, v)] -> prepare[AT(i, v)] = 0 :: else fi; v++ :: else -> break od;
#endif
       fi;
       i = 0; other = 0; v = 0; c = 0; d = 0; claim = 0; highest = 0
     }
  od
}
