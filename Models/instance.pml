/* A set's chain: two positions, each one PBFT instance over rounds, four members, of whom one lies.
   (DESIGN §3; docs/CONSENSUS.md; Castro & Liskov 1999, section 4)

   A state is what has been signed. Every member may act on any of it at any time or never, so loss, delay, duplication,
   reordering, clocks, timers and periods without records need no channels and no steps: they are members that do not act.
   Members 0, 1 and 2 are honest. The liar is member 3: its signature stands under everything, and a certificate needs two
   honest members more.

   All that counts of an honest member has been synced before it was sent, so a restart changes nothing here. What a restart does
   take away (a round entered without a signature there, a lock that was shown) no member of the model ever remembers:
   - its round is the highest in which it signed;
   - a round change claims the highest round that the member itself committed in. A member that was shown a higher lock
     claims more, and a NEW-ROUND that satisfies more satisfies less: every run of such members is one of these;
   - a NEW-ROUND may cite any prepared certificate that is high enough, whoever was shown it.

   Compile with
   -DFIRST=n   rounds of position 1, from (1, 0) on
   -DSECOND=n  rounds of position 2, from (2, 0) on; its first is (2, 0) or a later one, as the header of position 1 has it
   -DVIEWS=n   views of a period: 2
   -DOWNER=o   which rounds the liar leads, see PRIMARY: with 3 (1, 0), with 2 (1, 1) and (2, 0), with 1 (2, 1) and (3, 0),
               with 0 (3, 1)
   -DSTAYS     primaries do not rotate with the period: the liar leads view 0 with owner 3, and view 1 with owner 2
   -DIN_ORDER  sign in order of position, round and kind (round change, prepare, commit). No outcome is lost by that: an honest
               member signs in this order anyway; what it signs depends on what others signed in no later place of the order,
               and never on what others have not signed. So any run can be sorted, and ends with the same signatures. In order
               everybody asks for each round: a round change binds its signer in lower rounds only, which are over.

   One of these violations makes an assertion fail:
   UNJUSTIFIED_PERIOD         view 0 of a later period needs no round changes
   FIRST_FROM_DECIDING_ROUND  position 2 begins after the period of the round that decided position 1, in whichever certificate
                              a member holds just now
   NO_PREVIOUS                a member takes part in position 2 without a certificate of position 1
   LOCK_OF_OTHER_POSITION     a lock of position 1 counts in position 2
   LOCK_ENDS_WITH_PERIOD      a round change claims a lock of its own period only
   HIDES_LOCK                 a round change claims none
   FORGETS_LOCK_AT_RESTART    a commit is kept, the lock that it made is not
   AMNESIA                    a restart forgets its round, its lock, and prepares that it did not commit
   NOT_RECOMPUTED             what the liar's NEW-ROUND proposes is not compared with its round changes
   QUORUM_LESS_ONE            a NEW-ROUND cites q - 1 round changes
   UNVERIFIED_LOCK            the certificate of the liar's NEW-ROUND is taken at its word
   LOWEST_CHOSEN              a NEW-ROUND proposes the lowest lock
   HIGHEST_VIEW               locks are compared by view alone
   VOTES_IN_OLD_ROUND         a member commits in a round that it left
   DECIDES_ON_PREPARES        q prepares decide
   DECIDES_ACROSS_ROUNDS      commits of several rounds are counted together */

#ifndef VIEWS
#define VIEWS 2
#endif
#ifndef FIRST
#define FIRST 4
#endif
#ifndef SECOND
#define SECOND 3
#endif
#ifndef OWNER
#define OWNER 0
#endif
#define HONEST 3
#define LIAR 3

/* A slot is a round of a position: first position 1 from (1, 0) on, then position 2 from (2, 0) on. Periods and positions count
   from 0 here. */
#define SLOTS (FIRST + SECOND)
#define POSITION(s) ((s) >= FIRST)
#define ROUND(s) ((s) < FIRST -> (s) : (s) - FIRST + VIEWS)
#define PERIOD(s) (ROUND(s) / VIEWS)
#define VIEW(s) (ROUND(s) % VIEWS)
#ifdef STAYS
#define PRIMARY(s) ((OWNER + VIEW(s)) % 4)
#else
#define PRIMARY(s) ((OWNER + PERIOD(s) + VIEW(s)) % 4)
#endif

/* A value is a header, made in a free round, so that it has the period and the author of that round: no two free rounds can
   propose the same. An honest primary makes one. The liar may make two; a third would have one honest member that prepares it,
   which is as good as one that does nothing. */
#define FREE(s) (1 + 2 * (s))
#define MADE_IN(d) (((d) - 1) / 2)
/* The first round of position 2. */
#define FIRST_AFTER(d) (FIRST + VIEWS * PERIOD(MADE_IN(d)))

#define AT(i, s) ((i) * SLOTS + (s))
byte prepare[HONEST * SLOTS];   /* the value prepared, 0 none */
bool commit[HONEST * SLOTS];    /* to the value of prepare */
byte asked[HONEST * SLOTS];     /* round change: 0 none, else 1 + the lock it claims */
byte at[HONEST];                /* the highest slot signed in */
byte lock[HONEST];              /* 0 none, else 1 + the highest slot of this position that was committed in */
byte head[HONEST];              /* the value of position 1 that position 2 is built upon; 0 in position 1 */
byte decided[2];                /* by position, 0 none */
byte over;                      /* nobody signs in slots below: of these, prepared certificates are kept, and locks */
#ifdef FIRST_FROM_DECIDING_ROUND
byte decidedIn;                 /* bit p for period p */
#endif

byte i, s, c, d, h, first, least, claim;

/* What q = 3 prepared in slot s: two honest members and the liar. */
#define SAID(i, s) prepare[AT(i, s)]
#define PREPARED(s) \
  (SAID(0, s) == SAID(1, s) || SAID(0, s) == SAID(2, s) -> SAID(0, s) : (SAID(1, s) == SAID(2, s) -> SAID(1, s) : 0))
#define COMMITS(s) (commit[AT(0, s)] + commit[AT(1, s)] + commit[AT(2, s)])
#ifdef DECIDES_ON_PREPARES
#define DECIDED(s) PREPARED(s)
#else
#define DECIDED(s) (COMMITS(s) >= 2 -> PREPARED(s) : 0)
#endif

/* `first` is the first slot of i's position. */
#if defined(UNJUSTIFIED_PERIOD)
#define UNASKED(s) (s == first || VIEW(s) == 0)
#elif defined(FIRST_FROM_DECIDING_ROUND)
#define UNASKED(s) (s == 0 || POSITION(s) == 1 && VIEW(s) == 0 && ((decidedIn >> (PERIOD(s) - 1)) & 1))
#else
#define UNASKED(s) (s == first)
#endif
#ifdef HIGHEST_VIEW
#define RANK(l) ((l) == 0 -> 0 : 1 + VIEW((l) - 1))
#else
#define RANK(l) (l)
#endif
#define NONE 255

#ifdef VOTES_IN_OLD_ROUND
#define MAY_COMMIT(i, s) true
#else
#define MAY_COMMIT(i, s) (s >= at[i])
#endif
/* Whoever prepares in a round that is to be asked for asks first: it costs nothing, and allows others more. */
#define ASKED(i, s) (UNASKED(s) || asked[AT(i, s)] != 0)
#ifdef IN_ORDER
#define MAY_PREPARE(i, s) (s >= first && SAID(i, s) == 0 && ASKED(i, s) && COMMITS(s) == 0)
#else
#define MAY_PREPARE(i, s) (s >= first && s >= at[i] && SAID(i, s) == 0 && ASKED(i, s))
#endif

/* Agreement in each position; and position 2 is built upon what position 1 decided. */
inline check(s) {
  d = DECIDED(s);
#ifdef DECIDES_ACROSS_ROUNDS
  for (c : 0 .. SLOTS - 1) {
    for (h : 0 .. HONEST - 1) {
      if :: h != i && commit[AT(h, c)] && SAID(h, c) == SAID(i, s) -> d = SAID(i, s) :: else fi
    }
  }
#endif
  if
  :: d != 0 ->
     assert(decided[POSITION(s)] == 0 || decided[POSITION(s)] == d);
     decided[POSITION(s)] = d;
#ifdef FIRST_FROM_DECIDING_ROUND
     if :: POSITION(s) == 0 -> decidedIn = decidedIn | (1 << PERIOD(s)) :: else fi;
#endif
     if
     :: POSITION(s) == 1 ->
        assert(decided[0] != 0 && POSITION(MADE_IN(d)) == 1);
        for (c : 0 .. HONEST - 1) { assert(SAID(c, s) != d || head[c] == decided[0]) }
     :: else
     fi
  :: else
  fi
}

/* Whatever it signs, it is in that round from then on, and in that position. */
inline enter(i, s) {
#ifndef IN_ORDER
  if :: at[i] < s -> at[i] = s :: else fi;
#endif
  if
  :: POSITION(s) == 1 && head[i] == 0 ->
     head[i] = h;
#ifndef LOCK_OF_OTHER_POSITION
     lock[i] = 0
#endif
  :: else
  fi
}

/* Where i stands before it acts in s: the value that it builds position 2 upon, and the first slot of the position. */
inline stand(i, s) {
  h = (head[i] == 0 -> decided[0] : head[i]);
#ifdef NO_PREVIOUS
  if :: h == 0 -> h = FREE(0) :: else fi;
#endif
  first = (POSITION(s) == 0 -> (head[i] == 0 -> 0 : NONE) : (h == 0 -> NONE : FIRST_AFTER(h)));
#ifdef FIRST_FROM_DECIDING_ROUND
  if :: POSITION(s) == 1 && h != 0 -> first = FIRST :: else fi
#endif
}

/* Asks for a later round than the first, before it signs anything else there. */
#define MAY_ASK(i, s) (s >= first && s >= at[i] && !UNASKED(s) && asked[AT(i, s)] == 0 && SAID(i, s) == 0)
inline ask(i, s) {
  enter(i, s);
#if defined(HIDES_LOCK)
  asked[AT(i, s)] = 1
#elif defined(LOCK_ENDS_WITH_PERIOD)
  asked[AT(i, s)] = 1 + (lock[i] != 0 && PERIOD(lock[i] - 1) == PERIOD(s) -> lock[i] : 0)
#else
  asked[AT(i, s)] = 1 + lock[i]
#endif
}

inline prepareIn(i, s, d) {
  enter(i, s);
  prepare[AT(i, s)] = d;
#ifdef DECIDES_ON_PREPARES
  check(s)
#endif
}

/* A NEW-ROUND cites the liar and two honest members; an honest primary cites itself. `least` is for the two that claim least:
   what the round changes of others allow, theirs allow too. */
inline cite(x, y) {
  if
  :: asked[AT(x, s)] != 0 && asked[AT(y, s)] != 0 && (PRIMARY(s) == LIAR || i == x || i == y) ->
     claim = asked[AT(x, s)] - 1;
#ifdef LOWEST_CHOSEN
     if :: claim == 0 || asked[AT(y, s)] > 1 && asked[AT(y, s)] - 1 < claim -> claim = asked[AT(y, s)] - 1 :: else fi;
#else
     if :: RANK(asked[AT(y, s)] - 1) > RANK(claim) -> claim = asked[AT(y, s)] - 1 :: else fi;
#endif
#ifdef NOT_RECOMPUTED
     if :: PRIMARY(s) == LIAR -> claim = 0 :: else fi;
#endif
     if :: least == NONE || RANK(claim) < RANK(least) -> least = claim :: else fi
  :: else
  fi
}

inline clear(i, s) {
  prepare[AT(i, s)] = d;
#ifndef DECIDES_ACROSS_ROUNDS
  commit[AT(i, s)] = false;
#endif
  asked[AT(i, s)] = 0
}

inline finish(s) { d = PREPARED(s); clear(0, s); clear(1, s); clear(2, s) }

/* In order, everybody asks: that binds in lower rounds only, which are over. */
inline turn(i, s) {
  stand(i, s);
  if :: MAY_ASK(i, s) -> ask(i, s) :: else fi
}

init {
end:
  do
#ifdef IN_ORDER
  :: d_step {
       over < SLOTS - 1 -> finish(over);
       over++;
       turn(0, over); turn(1, over); turn(2, over);
       d = 0; h = 0; first = 0
     }
#endif
  :: atomic {
       if :: i = 0 :: i = 1 :: i = 2 fi;
       s = over;
#ifndef IN_ORDER
       do :: s < SLOTS - 1 -> s++ :: break od;
#endif
       stand(i, s);
       if
#ifndef IN_ORDER
       :: MAY_ASK(i, s) -> ask(i, s)
#endif

       /* Follows an honest primary that builds upon the same, and shows its NEW-ROUND if one is needed here. */
       :: MAY_PREPARE(i, s) && PRIMARY(s) != LIAR && PRIMARY(s) != i ->
          d = SAID(PRIMARY(s), s);
          if
          :: d != 0 && (POSITION(s) == 0 || head[PRIMARY(s)] == h) && (UNASKED(s) || asked[AT(PRIMARY(s), s)] != 0) ->
             prepareIn(i, s, d)
          :: else
          fi

       /* Leads, or follows the liar, which tells each member what it likes. */
       :: MAY_PREPARE(i, s) && (PRIMARY(s) == LIAR || PRIMARY(s) == i) ->
          d_step {
            least = NONE;
            if
            :: UNASKED(s) -> least = 0
            :: else ->
               cite(0, 1); cite(0, 2); cite(1, 2);
#ifdef QUORUM_LESS_ONE
               cite(0, 0); cite(1, 1); cite(2, 2);
#endif
            fi
          };
          if
          /* Free. The liar's second value comes after its first: they are alike. */
          :: least == 0 -> d = FREE(s)
          :: least == 0 && PRIMARY(s) == LIAR && (SAID(0, s) == FREE(s) || SAID(1, s) == FREE(s) || SAID(2, s) == FREE(s)) ->
             d = FREE(s) + 1
          /* Locked, by a certificate of this position and a lower round. */
          :: least != NONE && s > first ->
#ifdef LOCK_OF_OTHER_POSITION
             c = 0;
#else
             c = POSITION(s) * FIRST;
#endif
             do :: c < s - 1 -> c++ :: break od;
             if
#ifdef LOWEST_CHOSEN
             :: least == 0 || 1 + c == least -> d = PREPARED(c)
#else
             :: RANK(1 + c) >= RANK(least) -> d = PREPARED(c)
#endif
#ifdef UNVERIFIED_LOCK
             :: RANK(1 + c) >= RANK(least) && PRIMARY(s) == LIAR -> d = FREE(c)
#endif
             :: else
             fi
          :: else
          fi;
          if :: d != 0 -> prepareIn(i, s, d) :: else fi

       /* Commits what is prepared. */
       :: MAY_COMMIT(i, s) && SAID(i, s) != 0 && !commit[AT(i, s)] && SAID(i, s) == PREPARED(s) ->
          enter(i, s);
          commit[AT(i, s)] = true;
          if :: lock[i] < 1 + s -> lock[i] = 1 + s :: else fi;
          check(s)
#ifdef FORGETS_LOCK_AT_RESTART
       :: lock[i] = 0
#endif
#ifdef AMNESIA
       :: at[i] = 0; lock[i] = 0;
          for (c : 0 .. SLOTS - 1) { if :: !commit[AT(i, c)] -> SAID(i, c) = 0 :: else fi }
#endif
       :: else
       fi;
       d_step {
         i = 0; s = 0; c = 0; d = 0; h = 0; first = 0; least = 0; claim = 0;
#if !defined(IN_ORDER) && !defined(VOTES_IN_OLD_ROUND) && !defined(AMNESIA)
         do
         :: over < SLOTS - 1 && at[0] > over && at[1] > over && at[2] > over -> finish(over); over++; d = 0
         :: else -> break
         od
#endif
       }
     }
  od
}
